"""Which deliveries are not settled yet, and with how few acks they can be.

Pure. One ack with ``multiple`` settles everything up to a delivery, so it may be used only where
all of that is meant or settled already.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ack:
    """One ack to send."""

    tag: int
    multiple: bool


class Unsettled:
    """The delivery tags of one channel that were handed out and not settled."""

    def __init__(self) -> None:
        self._tags: dict[int, None] = {}  # tags grow, so that the order of insertion is theirs

    def __len__(self) -> int:
        return len(self._tags)

    def add(self, tag: int) -> None:
        """A delivery was handed out."""
        self._tags[tag] = None

    def check(self, *tags: int) -> None:
        """Raises ValueError if one of them is not waiting to be settled."""
        unknown = set(tags) - self._tags.keys()
        if unknown:
            raise ValueError(f"deliveries {sorted(unknown)} are not waiting to be settled")

    def settle(self, tags: Iterable[int]) -> list[Ack]:
        """Forgets the tags and returns the acks that settle exactly them.

        Raises:
            ValueError: one of them was settled before, or is no delivery of this channel. The
                broker would close the channel on it.
        """
        wanted = set(tags)
        self.check(*wanted)
        head = 0
        together = 0
        for tag in self._tags:
            if tag not in wanted:
                break
            head, together = tag, together + 1
        for tag in wanted:
            del self._tags[tag]
        acks = [Ack(head, multiple=together > 1)] if together else []
        return acks + [Ack(tag, multiple=False) for tag in sorted(wanted) if tag > head]
