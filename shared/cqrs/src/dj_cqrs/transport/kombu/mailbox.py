"""What this transport asks of a broker that is none of AMQP's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was taken, and must be removed or given back.

    Attributes:
        token: names it to the mailbox.
        raw: the envelope.
        redeliveries: None for the first delivery; else how often a consumer died over it.
    """

    token: str
    raw: bytes
    redeliveries: int | None = None


class Mailbox(Protocol):
    """The queues of one broker. What is taken is kept by the broker until it is removed.

    All methods raise ``TransportError`` when the broker is away. Not thread-safe.
    """

    def bind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Makes a queue get what is sent to the exchange with that key."""

    def unbind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Ends that."""

    def routes(self, exchange: str, routing_keys: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The queues for each of the keys, as they are bound now."""

    def put(self, envelopes: Sequence[tuple[str, bytes]]) -> None:
        """Appends envelopes to queues, in order; returns when the broker has all of them."""

    def put_later(self, queue: str, raw: bytes, delay_seconds: float) -> None:
        """Keeps an envelope, and appends it to the queue when the delay is over."""

    def take(self, queue: str, max_messages: int) -> list[Held]:
        """Takes what is there, the oldest first; does not wait."""

    def remove(self, queue: str, tokens: Sequence[str]) -> None:
        """Forgets messages that were taken."""

    def give_back(self, queue: str, tokens: Sequence[str]) -> None:
        """Puts messages that were taken back to the head of the queue, in that order."""

    def size(self, queue: str) -> int:
        """How many messages wait in a queue."""

    def close(self) -> None:
        """Closes the connection; never raises."""
