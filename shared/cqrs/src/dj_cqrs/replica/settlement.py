"""What the broker is told about a delivery when a worker is done with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from dj_cqrs.transport.base import Consumer, Delivery

#: How often a quorum queue has delivered a message before.
DELIVERY_COUNT_HEADER: Final = "x-delivery-count"
#: How many workers had died of a message before it was sent back: a copy's count begins anew.
DEATHS_HEADER: Final = "cqrs-deaths"


class Settlement(Protocol):
    """Something to tell the broker."""

    def settle(self, consumer: Consumer) -> None:
        """Tells it.

        Raises:
            TransportError: the broker does not hear; the deliveries come again.
        """


@dataclass(frozen=True, slots=True)
class Done:
    """Deliveries that are to be forgotten."""

    deliveries: Sequence[Delivery]

    def settle(self, consumer: Consumer) -> None:
        """Acknowledges them, together."""
        consumer.ack(self.deliveries)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A delivery that the broker is to keep as it is."""

    delivery: Delivery

    def settle(self, consumer: Consumer) -> None:
        """Hands it to the queue's dead letters, for which one needs no right to publish."""
        consumer.reject(self.delivery)


@dataclass(frozen=True, slots=True)
class RetriedLater:
    """A delivery that is to come again, with another body."""

    delivery: Delivery
    cqrs_id: str
    body: bytes
    delay_seconds: float

    def settle(self, consumer: Consumer) -> None:
        """Has the broker keep it until then."""
        consumer.retry_later(
            _without(self.delivery, DELIVERY_COUNT_HEADER),
            cqrs_id=self.cqrs_id,
            body=self.body,
            delay_seconds=self.delay_seconds,
        )


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """A delivery that is to be kept with the reason."""

    delivery: Delivery
    cqrs_id: str | None
    body: bytes
    reason: str

    def settle(self, consumer: Consumer) -> None:
        """Has the broker keep it until somebody looks at it."""
        consumer.dead_letter(
            # Whoever retries it by hand wants it to have all its lives again.
            _without(self.delivery, DELIVERY_COUNT_HEADER, DEATHS_HEADER),
            cqrs_id=self.cqrs_id,
            body=self.body,
            reason=self.reason,
        )


def _without(delivery: Delivery, *counts: str) -> Delivery:
    """Without what was counted: it is about the delivery, not about what comes instead."""
    headers = {name: value for name, value in delivery.headers.items() if name not in counts}
    return replace(delivery, headers=headers)
