"""The broker of ``MemoryTransport``: one exchange, its queues, and a clock for delays."""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome


@dataclass(slots=True)
class StoredMessage:
    """A message in a queue of the memory broker."""

    body: bytes
    routing_key: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    redelivered: bool = False
    expires_at: float | None = None

    def is_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class MemoryBroker:
    """One exchange and its queues. Thread-safe.

    Args:
        clock: seconds since any moment; delays and expirations go by it. Whoever turns it calls
            ``clock_was_turned``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Condition()
        self._queues: dict[str, deque[StoredMessage]] = {}
        self._bindings: set[tuple[str, str]] = set()
        self._delayed: list[tuple[float, int, str, StoredMessage]] = []
        self._sequence = itertools.count()  # messages that are due together stay in order
        self._is_reachable = True

    def reset(self) -> None:
        """Forgets queues, bindings and messages."""
        with self._lock:
            self._queues.clear()
            self._bindings.clear()
            self._delayed.clear()
            self._is_reachable = True

    def clock_was_turned(self) -> None:
        """Wakes consumers, for whom messages may be due now."""
        with self._lock:
            self._lock.notify_all()

    def set_reachable(self, is_reachable: bool) -> None:
        """Takes the broker away from its clients, or gives it back; it keeps what it has."""
        with self._lock:
            self._is_reachable = is_reachable
            self._lock.notify_all()

    def bind(self, queue: str, routing_key: str) -> None:
        """Makes a queue (if it is new) get what is published with this key."""
        with self._reachable():
            self._queues.setdefault(queue, deque())
            if routing_key:
                self._bindings.add((routing_key, queue))

    def unbind(self, queue: str, routing_key: str) -> None:
        """Makes a queue get no more of what is published with this key."""
        with self._reachable():
            self._bindings.discard((routing_key, queue))

    def publish(self, message: OutgoingMessage) -> PublishOutcome:
        """Puts a message into every bound queue."""
        with self._reachable():
            queues = [queue for key, queue in self._bindings if key == message.routing_key]
            for queue in queues:
                self._queues[queue].append(self._stored(message))
            self._lock.notify_all()
        return PublishOutcome.CONFIRMED if queues else PublishOutcome.UNROUTABLE

    def take(self, queue: str, max_messages: int, timeout_seconds: float) -> list[StoredMessage]:
        """Takes messages out; waits up to the timeout for the first."""
        deadline = time.monotonic() + timeout_seconds
        with self._reachable():
            waiting = self._waiting(queue)
            while not waiting and (rest := deadline - time.monotonic()) > 0:
                self._lock.wait(min(rest, self._seconds_to_next_due()))
                self._check_reachable()
                waiting = self._waiting(queue)
            return [waiting.popleft() for _ in range(min(max_messages, len(waiting)))]

    def give_back(self, queue: str, messages: Sequence[StoredMessage]) -> None:
        """Puts unsettled messages back at the head, marked as redelivered."""
        with self._lock:
            for message in messages:
                message.redelivered = True
            self._queues.setdefault(queue, deque()).extendleft(reversed(messages))
            self._lock.notify_all()

    def put(self, queue: str, message: OutgoingMessage, *, delay_seconds: float = 0.0) -> None:
        """Puts a message at the end of a queue, now or after a delay."""
        with self._reachable():
            due_at = self._clock() + delay_seconds
            entry = (due_at, next(self._sequence), queue, self._stored(message))
            heapq.heappush(self._delayed, entry)
            self._lock.notify_all()

    def waiting(self, queue: str) -> list[StoredMessage]:
        """The same as a client asks for it."""
        with self._reachable():
            return list(self._waiting(queue))

    def messages(self, queue: str) -> list[StoredMessage]:
        """What waits in a queue now."""
        with self._lock:
            return list(self._waiting(queue))

    def _stored(self, message: OutgoingMessage) -> StoredMessage:
        ttl = message.expiration_seconds
        expires_at = None if ttl is None else self._clock() + ttl
        headers = dict(message.headers)
        return StoredMessage(message.body, message.routing_key, headers, expires_at=expires_at)

    def _waiting(self, queue: str) -> deque[StoredMessage]:
        """The queue, after what the clock does to it."""
        now = self._clock()
        while self._delayed and self._delayed[0][0] <= now:
            _, _, target, message = heapq.heappop(self._delayed)
            self._queues.setdefault(target, deque()).append(message)
        waiting = self._queues.setdefault(queue, deque())
        if any(message.is_expired(now) for message in waiting):
            waiting = deque(message for message in waiting if not message.is_expired(now))
            self._queues[queue] = waiting
        return waiting

    def _seconds_to_next_due(self) -> float:
        return max(0.0, self._delayed[0][0] - self._clock()) if self._delayed else float("inf")

    def _reachable(self) -> threading.Condition:
        self._check_reachable()
        return self._lock

    def _check_reachable(self) -> None:
        if not self._is_reachable:
            raise TransportError("the memory broker is not reachable")
