"""A broker within the process, for tests: topic routing, acks, redelivery, dead letters.

Each process has its own; nothing is kept when it ends.
"""

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from dj_cqrs import conf, wire
from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import TransportError
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport.base import (
    BaseTransport,
    Consumer,
    Delivery,
    OutgoingMessage,
    Publisher,
    PublishOutcome,
)
from dj_cqrs.transport.topology import RoutingKey, replica_topology


@dataclass(slots=True)
class StoredMessage:
    """A message in a queue of the memory broker."""

    body: bytes
    routing_key: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    redelivered: bool = False


class MemoryBroker:
    """One exchange and its queues. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._queues: dict[str, deque[StoredMessage]] = {}
        self._bindings: set[tuple[str, str]] = set()
        self._is_reachable = True

    def reset(self) -> None:
        """Forgets queues, bindings and messages."""
        with self._lock:
            self._queues.clear()
            self._bindings.clear()
            self._is_reachable = True

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

    def publish(self, message: OutgoingMessage) -> PublishOutcome:
        """Puts a message into every bound queue."""
        with self._reachable():
            queues = [queue for key, queue in self._bindings if key == message.routing_key]
            for queue in queues:
                stored = StoredMessage(message.body, message.routing_key, dict(message.headers))
                self._queues[queue].append(stored)
            self._lock.notify_all()
        return PublishOutcome.CONFIRMED if queues else PublishOutcome.UNROUTABLE

    def take(self, queue: str, max_messages: int, timeout_seconds: float) -> list[StoredMessage]:
        """Takes messages out; waits up to the timeout for the first."""
        deadline = time.monotonic() + timeout_seconds
        with self._reachable():
            waiting = self._queues.setdefault(queue, deque())
            while not waiting and (rest := deadline - time.monotonic()) > 0:
                self._lock.wait(rest)
                self._check_reachable()
            return [waiting.popleft() for _ in range(min(max_messages, len(waiting)))]

    def give_back(self, queue: str, messages: Sequence[StoredMessage]) -> None:
        """Puts unsettled messages back at the head, marked as redelivered."""
        with self._lock:
            for message in messages:
                message.redelivered = True
            self._queues.setdefault(queue, deque()).extendleft(reversed(messages))
            self._lock.notify_all()

    def put(self, queue: str, message: StoredMessage) -> None:
        """Puts a message at the end of a queue."""
        with self._lock:
            self._queues.setdefault(queue, deque()).append(message)
            self._lock.notify_all()

    def messages(self, queue: str) -> list[StoredMessage]:
        """What waits in a queue now."""
        with self._lock:
            return list(self._queues.get(queue, ()))

    def _reachable(self) -> threading.Condition:
        self._check_reachable()
        return self._lock

    def _check_reachable(self) -> None:
        if not self._is_reachable:
            raise TransportError("the memory broker is not reachable")


class MemoryPublisher:
    """A ``Publisher``."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def publish(
        self,
        messages: Sequence[OutgoingMessage],
        *,
        timeout_seconds: float,  # noqa: ARG002
    ) -> list[PublishOutcome]:
        """Puts messages into the bound queues."""
        return [self._broker.publish(message) for message in messages]

    def wait(self, seconds: float) -> None:
        """Idles."""
        time.sleep(seconds)

    def close(self) -> None:
        """Nothing is open."""


class MemoryConsumer:
    """A ``Consumer``."""

    def __init__(self, broker: MemoryBroker, queue: str, dead_letter_queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self._dead_letter_queue = dead_letter_queue
        self._unsettled: dict[int, StoredMessage] = {}
        self._last_tag = 0

    def receive(self, *, max_messages: int, timeout_seconds: float) -> list[Delivery]:
        """Takes what is there, waiting for the first message only."""
        taken = self._broker.take(self._queue, max_messages, timeout_seconds)
        return [self._delivery(message) for message in taken]

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Forgets them."""
        for delivery in deliveries:
            self._settle(delivery)

    def reject(self, delivery: Delivery) -> None:
        """Puts it into the dead letter queue."""
        self._broker.put(self._dead_letter_queue, self._settle(delivery))

    def close(self) -> None:
        """Gives back what was not settled."""
        self._broker.give_back(self._queue, list(self._unsettled.values()))
        self._unsettled.clear()

    def _settle(self, delivery: Delivery) -> StoredMessage:
        if delivery.tag not in self._unsettled:
            raise ValueError(f"delivery {delivery.tag} is not waiting to be settled")
        return self._unsettled.pop(delivery.tag)

    def _delivery(self, message: StoredMessage) -> Delivery:
        self._last_tag += 1
        self._unsettled[self._last_tag] = message
        return Delivery(
            message.body, message.routing_key, message.headers, message.redelivered, self._last_tag
        )


#: The broker of this process.
broker: Final = MemoryBroker()


class MemoryTransport(BaseTransport):
    """Carries messages within the process; for tests, not for services."""

    consumers: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def produce(cls, payload: TransportPayload) -> None:
        """Publishes one payload."""
        is_direct = payload.signal_type == SignalType.SYNC and payload.queue
        routing_key = RoutingKey(payload.cqrs_id, payload.queue if is_direct else None)
        broker.publish(OutgoingMessage("", str(routing_key), wire.encode(payload.to_dict())))

    @classmethod
    def consume(cls, cqrs_ids: Collection[str] | None = None) -> None:
        """Consumes until the process is told to stop."""
        from dj_cqrs.controller.consumer import run

        run(cls, cqrs_ids)

    @classmethod
    def clean_connection(cls) -> None:
        """Nothing is open."""

    @classmethod
    def publisher(cls) -> Publisher:
        """A new publisher."""
        return MemoryPublisher(broker)

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """A new consumer of this service's queue."""
        _declare(ReplicaRegistry.models if cqrs_ids is None else cqrs_ids)
        config = conf.config()
        return MemoryConsumer(broker, config.queue or "", config.replica.dead_letter_queue)

    @classmethod
    def declare(cls) -> Sequence[str]:
        """Creates this service's queues and bindings."""
        return [f"queue {_declare(ReplicaRegistry.models)!r}"]


def _declare(cqrs_ids: Collection[str]) -> str:
    config = conf.config()
    topology = replica_topology(
        exchange=config.exchange,
        queue=config.queue or "",
        dead_letter_queue=config.replica.dead_letter_queue,
        cqrs_ids=cqrs_ids,
    )
    for binding in topology.bindings:
        broker.bind(binding.queue, binding.routing_key)
    return topology.queue
