"""A broker within the process, for tests: topic routing, acks, redelivery, dead letters.

Each process has its own; nothing is kept when it ends.
"""

import time
from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Final

from dj_cqrs import conf
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport.base import (
    MAX_REASON,
    REASON_HEADER,
    BaseTransport,
    BrokerStatus,
    Consumer,
    DeadLetterQueue,
    Delivery,
    OutgoingMessage,
    Publisher,
    PublishOutcome,
    headers_of_copy,
)
from dj_cqrs.transport.direct import outgoing
from dj_cqrs.transport.memory_broker import MemoryBroker, StoredMessage
from dj_cqrs.transport.memory_dead_letters import MemoryDeadLetters
from dj_cqrs.transport.topology import RoutingKey, Topology, replica_topology

__all__ = ["MemoryBroker", "MemoryTransport", "broker"]


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
        self._check_unsettled(delivery)
        message = OutgoingMessage("", delivery.routing_key, delivery.body, delivery.headers)
        self._broker.put(self._dead_letter_queue, message)
        self._settle(delivery)

    def retry_later(
        self, delivery: Delivery, *, cqrs_id: str, body: bytes, delay_seconds: float
    ) -> None:
        """Puts the body into the queue when the delay is over."""
        self._check_unsettled(delivery)
        routing_key = str(RoutingKey(cqrs_id, self._queue))
        headers = headers_of_copy(delivery, delivery.headers, routing_key=routing_key, body=body)
        message = OutgoingMessage("", routing_key, body, headers)
        self._broker.put(self._queue, message, delay_seconds=delay_seconds)
        self._settle(delivery)

    def dead_letter(
        self, delivery: Delivery, *, cqrs_id: str | None, body: bytes, reason: str
    ) -> None:
        """Puts the body into the dead letter queue."""
        self._check_unsettled(delivery)
        routing_key = (
            delivery.routing_key
            if cqrs_id is None
            else str(RoutingKey(cqrs_id, self._dead_letter_queue))
        )
        headers = {**delivery.headers, REASON_HEADER: reason[:MAX_REASON]}
        message = OutgoingMessage(
            message_id="",
            routing_key=routing_key,
            body=body,
            headers=headers_of_copy(delivery, headers, routing_key=routing_key, body=body),
            expiration_seconds=conf.config().replica.dead_message_ttl_seconds,
        )
        self._broker.put(self._dead_letter_queue, message)
        self._settle(delivery)

    def close(self) -> None:
        """Gives back what was not settled."""
        self._broker.give_back(self._queue, list(self._unsettled.values()))
        self._unsettled.clear()

    def _check_unsettled(self, delivery: Delivery) -> None:
        if delivery.tag not in self._unsettled:
            raise ValueError(f"delivery {delivery.tag} is not waiting to be settled")

    def _settle(self, delivery: Delivery) -> None:
        self._check_unsettled(delivery)
        del self._unsettled[delivery.tag]

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
        broker.publish(outgoing(payload))

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
    def status(cls) -> BrokerStatus:
        """How many messages wait."""
        queue = conf.config().queue
        ready = len(broker.waiting(queue)) if queue else None
        return BrokerStatus("memory of this process", queue, ready)

    @classmethod
    def dead_letters(cls) -> DeadLetterQueue:
        """This service's dead letters."""
        config = conf.config()
        queue = config.replica.dead_letter_queue
        return MemoryDeadLetters(broker, config.queue or "", queue)

    @classmethod
    def declare(cls) -> Sequence[str]:
        """Creates this service's queues and bindings."""
        return [f"queue {_declare(ReplicaRegistry.models)!r}"]

    @classmethod
    def unbind(cls, cqrs_ids: Collection[str]) -> Sequence[str]:
        """Makes this service's queue get no more messages of these models."""
        for binding in _topology(cqrs_ids).bindings_of_models:
            broker.unbind(binding.queue, binding.routing_key)
        return [f"binding {cqrs_id}: removed" for cqrs_id in sorted(cqrs_ids)]


def _declare(cqrs_ids: Collection[str]) -> str:
    topology = _topology(cqrs_ids)
    for binding in topology.bindings:
        broker.bind(binding.queue, binding.routing_key)
    return topology.queue


def _topology(cqrs_ids: Collection[str]) -> Topology:
    config = conf.config()
    return replica_topology(
        exchange=config.exchange,
        queue=config.queue or "",
        dead_letter_queue=config.replica.dead_letter_queue,
        cqrs_ids=cqrs_ids,
    )
