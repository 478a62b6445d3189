"""The loop of a consuming process: receive, apply, commit, acknowledge; never die of a message."""

import logging
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Protocol

from django.db import connections

from dj_cqrs.exceptions import TransientError, TransportError
from dj_cqrs.fail_points import reach
from dj_cqrs.heartbeats.pulse import NO_PULSE, Pulse
from dj_cqrs.privacy import telling
from dj_cqrs.replica.settlement import Settlement
from dj_cqrs.transport.base import Consumer, Delivery

logger = logging.getLogger("django-cqrs")

_IDLE_SECONDS: Final = 0.5
_CHORE_INTERVAL_SECONDS: Final = 1.0
_FIRST_BACK_OFF_SECONDS: Final = 0.2
_LONGEST_BACK_OFF_SECONDS: Final = 10.0


class Applier(Protocol):
    """What a worker does with messages; with an inbox and without one it differs."""

    def check_ready(self) -> None:
        """Called before messages are asked for, since the broker counts what is given back.

        Raises:
            TransientError: nothing can be applied now.
        """

    def apply(self, deliveries: Sequence[Delivery]) -> Iterator[Settlement]:
        """Applies and commits, one delivery after the other or several together.

        Yields:
            What to tell the broker, always before anything else is begun.

        Raises:
            TransientError: nothing can be applied now; the rest is to be delivered again.
        """

    def do_chores(self) -> bool:
        """Does what is due besides (retries, pruning); True if more of it is due at once."""


class Worker:
    """Consumes one queue until it is told to stop.

    Args:
        open_consumer: opens a connection to the broker; may raise ``TransportError``.
        applier: what to do with the messages.
        batch_size: how many messages one transaction applies at most.
        longest_back_off_seconds: cap of the growing pause after a lost broker or database.
        pulse: says how the worker gets on.
    """

    def __init__(
        self,
        open_consumer: Callable[[], Consumer],
        applier: Applier,
        *,
        batch_size: int,
        longest_back_off_seconds: float = _LONGEST_BACK_OFF_SECONDS,
        pulse: Pulse = NO_PULSE,
    ) -> None:
        self._open_consumer = open_consumer
        self._applier = applier
        self._batch_size = batch_size
        self._longest_back_off_seconds = longest_back_off_seconds
        self._pulse = pulse
        self._parent_pid = os.getppid()
        self._is_stopped = False
        self._failures = 0
        self._next_chores_at = 0.0

    def stop(self) -> None:
        """Ends ``run`` when the batch in hand is done. Safe in signal handlers and threads."""
        self._is_stopped = True

    def run(self) -> None:
        """Consumes until ``stop`` is called or the parent process is gone."""
        while self._goes_on():
            try:
                self._consume()
            except TransientError as error:
                is_transport = isinstance(error, TransportError)
                what = "AMQP connection error." if is_transport else "Database error."
                self._back_off(f"{what} Reconnecting... ({error})")
            except Exception as error:  # noqa: BLE001  it is logged
                # A mistake of ours or of a transport. The broker still has what was not acked.
                telling.log_exception("CQRS service exception", error=error, payload=None)
                told = telling.about(telling.text_of(error), None)
                self._back_off(f"Unexpected error. Reconnecting... ({told})")
        self._pulse.close()
        connections.close_all()

    def _consume(self) -> None:
        self._applier.check_ready()
        consumer = self._open_consumer()
        try:
            while self._goes_on():
                self._pulse.beat()
                more_is_due = self._do_chores_if_due()
                deliveries = consumer.receive(
                    max_messages=self._batch_size,
                    timeout_seconds=0.0 if more_is_due else _IDLE_SECONDS,
                )
                if deliveries:
                    reach("consumer.received")
                    self._handle(consumer, deliveries)
                else:
                    self._pulse.rests()
                self._failures = 0
        finally:
            _close_quietly(consumer)

    def _handle(self, consumer: Consumer, deliveries: Sequence[Delivery]) -> None:
        self._pulse.takes(len(deliveries))
        for settlement in self._applier.apply(deliveries):
            reach("consumer.committed")
            settlement.settle(consumer)
            self._pulse.progressed()
            self._pulse.beat()
            if not self._goes_on():
                break

    def _do_chores_if_due(self) -> bool:
        if time.monotonic() < self._next_chores_at:
            return False
        more_is_due = self._applier.do_chores()
        if not more_is_due:
            self._next_chores_at = time.monotonic() + _CHORE_INTERVAL_SECONDS
        return more_is_due

    def _goes_on(self) -> bool:
        """A worker whose supervisor was killed must not consume beside its successors."""
        return not self._is_stopped and os.getppid() == self._parent_pid

    def _back_off(self, reason: str) -> None:
        self._failures += 1
        self._pulse.fails(reason)
        self._pulse.beat()
        seconds = min(
            _FIRST_BACK_OFF_SECONDS * 2 ** min(self._failures - 1, 16),
            self._longest_back_off_seconds,
        ) * random.uniform(0.5, 1.0)  # noqa: S311
        logger.warning("%s Next try in %.1f seconds.", reason, seconds)
        until = time.monotonic() + seconds
        while self._goes_on() and time.monotonic() < until:
            time.sleep(min(0.1, seconds))


@contextmanager
def stopping_on_signals(worker: Worker) -> Iterator[None]:
    """Within it, SIGTERM and SIGINT end the worker when the batch in hand is done."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    previous = {
        number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _close_quietly(consumer: Any) -> None:
    try:
        consumer.close()
    except Exception as error:  # noqa: BLE001  it is gone one way or the other
        logger.debug("Closing the consumer failed: %s", error)
