"""Messages for tests of transports, and receiving them."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import Consumer, Delivery, OutgoingMessage, PublishOutcome

CONFIRMED = PublishOutcome.CONFIRMED
UNROUTABLE = PublishOutcome.UNROUTABLE
FAILED = PublishOutcome.FAILED


def message(
    number: int = 0,
    *,
    key: str = "track",
    body: bytes | None = None,
    headers: Mapping[str, Any] | None = None,
) -> OutgoingMessage:
    """A message whose body is its number, unless given."""
    return OutgoingMessage(
        message_id=str(number),
        routing_key=key,
        body=str(number).encode() if body is None else body,
        headers=headers or {},
    )


def messages(numbers: Iterable[int], *, key: str = "track") -> list[OutgoingMessage]:
    """Messages whose bodies are these numbers."""
    return [message(number, key=key) for number in numbers]


def numbers(deliveries: Iterable[Delivery]) -> list[int]:
    """The numbers in the bodies."""
    return [int(delivery.body) for delivery in deliveries]


def receive(consumer: Consumer, count: int, *, within_seconds: float = 15) -> list[Delivery]:
    """Waits until so many messages have arrived."""
    received: list[Delivery] = []
    while len(received) < count:
        arrived = consumer.receive(
            max_messages=count - len(received), timeout_seconds=within_seconds
        )
        assert arrived, f"{len(received)} of {count} messages arrived"
        received += arrived
    return received


def receive_and_ack(consumer: Consumer, count: int) -> list[Delivery]:
    """Waits until so many messages have arrived, and settles them; for more than a prefetch."""
    received: list[Delivery] = []
    while len(received) < count:
        batch = receive(consumer, min(100, count - len(received)))
        consumer.ack(batch)
        received += batch
    return received


def nothing_arrives(consumer: Consumer) -> bool:
    """Whether the queue is empty, as far as this consumer can see."""
    return not consumer.receive(max_messages=1, timeout_seconds=0.3)


def fails(consumer: Consumer) -> TransportError:
    """Waits until the consumer notices that it is cut off, and returns its error."""
    with pytest.raises(TransportError) as caught:
        while True:
            consumer.receive(max_messages=100, timeout_seconds=10)
    return caught.value
