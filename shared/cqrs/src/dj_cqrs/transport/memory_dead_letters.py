"""The dead letters of the memory broker."""

from collections.abc import Callable, Iterator

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import (
    REASON_HEADER,
    Delivery,
    OutgoingMessage,
    PublishOutcome,
    headers_of_copy,
)
from dj_cqrs.transport.memory_broker import MemoryBroker, StoredMessage
from dj_cqrs.transport.topology import RoutingKey


class MemoryDeadLetters:
    """A ``DeadLetterQueue``."""

    def __init__(self, broker: MemoryBroker, queue: str, dead_letter_queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self._dead_letter_queue = dead_letter_queue

    def count(self) -> int:
        """How many letters wait now."""
        return len(self._broker.messages(self._dead_letter_queue))

    def browse(self) -> Iterator[Delivery]:
        """Yields each letter; all of them stay."""
        for message in self._broker.messages(self._dead_letter_queue):
            yield Delivery(message.body, message.routing_key, message.headers, True, 0)

    def take(self, handle: Callable[[Delivery], bool]) -> Iterator[Delivery]:
        """Offers each letter once, and removes those for which ``handle`` returns True."""
        kept: list[StoredMessage] = []
        try:
            for _ in range(self.count()):
                for message in self._broker.take(self._dead_letter_queue, 1, 0):
                    kept.append(message)
                    letter = Delivery(message.body, message.routing_key, message.headers, True, 0)
                    if handle(letter):
                        kept.pop()
                        yield letter
        finally:
            self._broker.give_back(self._dead_letter_queue, kept)

    def republish(self, delivery: Delivery, *, cqrs_id: str, body: bytes) -> None:
        """Sends a letter to this service's queue."""
        key = str(RoutingKey(cqrs_id, self._queue))
        headers = {k: v for k, v in delivery.headers.items() if k != REASON_HEADER}
        headers = headers_of_copy(delivery, headers, routing_key=key, body=body)
        outcome = self._broker.publish(OutgoingMessage("", key, body, headers))
        if outcome is not PublishOutcome.CONFIRMED:
            raise TransportError(f"no queue is bound for {key}")

    def purge(self) -> int:
        """Removes all letters."""
        return len(self._broker.take(self._dead_letter_queue, self.count(), 0))

    def close(self) -> None:
        """Nothing is open."""
