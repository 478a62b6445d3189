"""The delay queue of the contract, for code that uses it.

The workers do not: what waits in memory is lost with its process, and what is held unacknowledged
meanwhile runs into the broker's consumer timeout. They park a message in the inbox, or the broker
keeps it until its time has come.
"""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, Full
from typing import Any

from django.utils import timezone

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ConfigurationError

__all__ = ["DelayMessage", "DelayQueue", "Full"]


@dataclass(eq=False)
class DelayMessage:
    """A message and the moment of its next attempt.

    Attributes:
        delivery_tag: the broker's number of the delivery.
        payload: the message.
        eta: aware datetime of the next attempt.
    """

    delivery_tag: Any
    payload: TransportPayload
    eta: datetime


class DelayQueue:
    """Messages in the order of their time.

    Args:
        max_size: how many it holds at most; None for any number.

    Raises:
        ConfigurationError: ``max_size`` is not positive.
    """

    def __init__(self, max_size: int | None = None) -> None:
        if max_size is not None and max_size <= 0:
            raise ConfigurationError("Delay queue max_size should be positive integer.")
        self._max_size = max_size
        self._heap: list[tuple[datetime, int, DelayMessage]] = []
        self._numbers = itertools.count()

    def get(self) -> DelayMessage:
        """Takes out the message whose time comes first, whether it has come or not.

        Raises:
            queue.Empty: there is none.
        """
        if not self._heap:
            raise Empty
        return heapq.heappop(self._heap)[-1]

    def get_ready(self) -> Iterator[DelayMessage]:
        """Takes out, one by one, the messages whose time has come."""
        while self._heap and self._heap[0][0] <= timezone.now():
            yield self.get()

    def put(self, delay_message: DelayMessage) -> None:
        """Adds a message.

        Raises:
            queue.Full: it holds as many as it may.
        """
        if self.full():
            raise Full("Delay queue is full")
        heapq.heappush(self._heap, (delay_message.eta, next(self._numbers), delay_message))

    def qsize(self) -> int:
        """How many messages it holds."""
        return len(self._heap)

    def full(self) -> bool:
        """Whether it takes no more."""
        return self._max_size is not None and self.qsize() >= self._max_size
