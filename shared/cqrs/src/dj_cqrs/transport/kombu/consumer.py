"""Consuming from a mailbox."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dj_cqrs.transport.base import MAX_REASON, REASON_HEADER, Delivery, headers_of_copy
from dj_cqrs.transport.kombu.envelope import Letter, seal, unseal
from dj_cqrs.transport.kombu.mailbox import Held, Mailbox
from dj_cqrs.transport.topology import RoutingKey, Topology

#: How often a consumer died over a message; what RabbitMQ's quorum queues call it.
DELIVERY_COUNT_HEADER: Final = "x-delivery-count"
#: Pauses between two looks into an empty queue grow from one to the other.
_SHORTEST_PAUSE_SECONDS: Final = 0.005
_LONGEST_PAUSE_SECONDS: Final = 0.05


class MailboxConsumer:
    """A ``Consumer``; takes the mailbox over."""

    def __init__(self, mailbox: Mailbox, topology: Topology, *, prefetch: int) -> None:
        """Prepares to consume.

        Args:
            mailbox: where the queues are; closed in the end.
            topology: names of the exchange and of the queues.
            prefetch: unsettled messages at most; 0 for no limit.
        """
        self._mailbox = mailbox
        self._topology = topology
        self._prefetch = prefetch
        self._unsettled: dict[int, str] = {}
        self._last_tag = 0

    def receive(self, *, max_messages: int, timeout_seconds: float) -> list[Delivery]:
        """Waits for the first message up to the timeout, then takes only what is already there.

        Raises:
            TransportError: the broker is away.
        """
        deadline = time.monotonic() + timeout_seconds
        pause = _SHORTEST_PAUSE_SECONDS
        while True:
            taken = self._mailbox.take(self._topology.queue, self._room(max_messages))
            rest = deadline - time.monotonic()
            if taken or rest <= 0:
                return [self._delivery(held) for held in taken]
            time.sleep(min(pause, rest))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Has the broker forget them, all at once."""
        for delivery in deliveries:
            self._check(delivery)
        tokens = [self._unsettled[delivery.tag] for delivery in deliveries]
        if tokens:
            self._mailbox.remove(self._topology.queue, tokens)
        for delivery in deliveries:
            self._unsettled.pop(delivery.tag, None)

    def reject(self, delivery: Delivery) -> None:
        """Keeps a copy in the dead letter queue, then settles the delivery."""
        self._check(delivery)
        headers = _without_count(delivery)
        self._keep_dead(Letter(delivery.body, delivery.routing_key, headers))
        self.ack([delivery])

    def retry_later(
        self, delivery: Delivery, *, cqrs_id: str, body: bytes, delay_seconds: float
    ) -> None:
        """Has the broker keep the body until it is due, then settles the delivery."""
        self._check(delivery)
        key = str(RoutingKey(cqrs_id, self._topology.queue))
        headers = headers_of_copy(delivery, _without_count(delivery), routing_key=key, body=body)
        raw = seal(Letter(body, key, headers), self._topology.exchange)
        self._mailbox.put_later(self._topology.queue, raw, delay_seconds)
        self.ack([delivery])

    def dead_letter(
        self, delivery: Delivery, *, cqrs_id: str | None, body: bytes, reason: str
    ) -> None:
        """Keeps the body in the dead letter queue, then settles the delivery."""
        self._check(delivery)
        key = delivery.routing_key
        if cqrs_id is not None:
            key = str(RoutingKey(cqrs_id, self._topology.dead_letter_queue))
        headers = {**_without_count(delivery), REASON_HEADER: reason[:MAX_REASON]}
        headers = headers_of_copy(delivery, headers, routing_key=key, body=body)
        self._keep_dead(Letter(body, key, headers))
        self.ack([delivery])

    def close(self) -> None:
        """Gives back what was not settled, and closes the connection."""
        tokens = list(self._unsettled.values())
        self._unsettled.clear()
        try:
            if tokens:
                self._mailbox.give_back(self._topology.queue, tokens)
        finally:
            self._mailbox.close()

    def _keep_dead(self, letter: Letter) -> None:
        raw = seal(letter, self._topology.exchange)
        self._mailbox.put([(self._topology.dead_letter_queue, raw)])

    def _room(self, max_messages: int) -> int:
        if not self._prefetch:
            return max_messages
        return max(0, min(max_messages, self._prefetch - len(self._unsettled)))

    def _check(self, delivery: Delivery) -> None:
        if delivery.tag not in self._unsettled:
            raise ValueError(f"delivery {delivery.tag} is not waiting to be settled")

    def _delivery(self, held: Held) -> Delivery:
        self._last_tag += 1
        self._unsettled[self._last_tag] = held.token
        letter = unseal(held.raw)
        headers = dict(letter.headers)
        if held.redeliveries:
            headers[DELIVERY_COUNT_HEADER] = held.redeliveries
        redelivered = held.redeliveries is not None
        return Delivery(letter.body, letter.routing_key, headers, redelivered, self._last_tag)


def _without_count(delivery: Delivery) -> Mapping[str, Any]:
    """A copy begins its own life."""
    return {
        name: value for name, value in delivery.headers.items() if name != DELIVERY_COUNT_HEADER
    }
