"""The dead letters in a mailbox."""

from collections.abc import Callable, Iterator

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import REASON_HEADER, Delivery, headers_of_copy
from dj_cqrs.transport.kombu.envelope import Letter, seal, unseal
from dj_cqrs.transport.kombu.mailbox import Held, Mailbox
from dj_cqrs.transport.topology import RoutingKey, Topology


class MailboxDeadLetters:
    """A ``DeadLetterQueue``; takes the mailbox over."""

    def __init__(self, mailbox: Mailbox, topology: Topology) -> None:
        self._mailbox = mailbox
        self._topology = topology
        self._queue = topology.dead_letter_queue

    def count(self) -> int:
        """How many letters wait now."""
        return self._mailbox.size(self._queue)

    def browse(self) -> Iterator[Delivery]:
        """Yields each letter that is there now; all of them stay."""
        taken: list[str] = []
        try:
            for held in self._each():
                taken.append(held.token)
                yield _letter(held)
        finally:
            self._mailbox.give_back(self._queue, taken)

    def take(self, handle: Callable[[Delivery], bool]) -> Iterator[Delivery]:
        """Offers each letter once, and removes those for which ``handle`` returns True."""
        kept: list[str] = []
        try:
            for held in self._each():
                kept.append(held.token)
                letter = _letter(held)
                if handle(letter):
                    self._mailbox.remove(self._queue, [kept.pop()])
                    yield letter
        finally:
            self._mailbox.give_back(self._queue, kept)

    def republish(self, delivery: Delivery, *, cqrs_id: str, body: bytes) -> None:
        """Sends a letter to this service's queue.

        Raises:
            TransportError: no queue is bound for its key.
        """
        key = str(RoutingKey(cqrs_id, self._topology.queue))
        queues = self._mailbox.routes(self._topology.exchange, [key])[key]
        if not queues:
            raise TransportError(f"no queue is bound for {key}")
        headers = {k: v for k, v in delivery.headers.items() if k != REASON_HEADER}
        headers = headers_of_copy(delivery, headers, routing_key=key, body=body)
        raw = seal(Letter(body, key, headers), self._topology.exchange)
        self._mailbox.put([(queue, raw) for queue in queues])

    def purge(self) -> int:
        """Removes all letters."""
        removed = 0
        for held in self._each():
            self._mailbox.remove(self._queue, [held.token])
            removed += 1
        return removed

    def close(self) -> None:
        """Closes the connection."""
        self._mailbox.close()

    def _each(self) -> Iterator[Held]:
        for _ in range(self.count()):
            yield from self._mailbox.take(self._queue, 1)


def _letter(held: Held) -> Delivery:
    letter = unseal(held.raw)
    return Delivery(letter.body, letter.routing_key, letter.headers, True, 0)
