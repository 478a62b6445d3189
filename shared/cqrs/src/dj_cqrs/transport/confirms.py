"""Which messages of a batch still wait for the broker's word.

Pure: told what was sent and what the broker said, it knows each message's outcome.
"""

from collections.abc import Sequence

from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome


class PendingConfirms:
    """The outcomes of one batch, as they become known.

    Delivery tags grow by one with each message that is sent on a channel.
    """

    def __init__(self, messages: Sequence[OutgoingMessage]) -> None:
        self._messages = messages
        self._outcomes: list[PublishOutcome | None] = [None] * len(messages)
        self._unsettled = len(messages)
        self._positions: dict[int, int] = {}  # by delivery tag, in the order sent
        self._returned: set[str] = set()

    @property
    def is_settled(self) -> bool:
        """Whether every message has its outcome."""
        return not self._unsettled

    @property
    def in_flight(self) -> int:
        """How many messages were sent and not confirmed yet."""
        return len(self._positions)

    def sent(self, position: int, tag: int) -> None:
        """The message at this position of the batch was sent under this delivery tag."""
        self._positions[tag] = position

    def not_sendable(self, position: int) -> None:
        """The message at this position could not be sent."""
        self._settle(position, PublishOutcome.FAILED)

    def returned(self, message_id: str) -> None:
        """The broker gave the message back; its confirm, which has the tag, comes after."""
        self._returned.add(message_id)

    def acked(self, tag: int, *, multiple: bool) -> None:
        """The broker took the message with this tag, or all up to it."""
        for position in self._take(tag, multiple=multiple):
            unroutable = self._messages[position].message_id in self._returned
            self._settle(
                position,
                PublishOutcome.UNROUTABLE if unroutable else PublishOutcome.CONFIRMED,
            )

    def nacked(self, tag: int, *, multiple: bool) -> None:
        """The broker refused the message with this tag, or all up to it."""
        for position in self._take(tag, multiple=multiple):
            self._settle(position, PublishOutcome.FAILED)

    def outcomes(self) -> list[PublishOutcome]:
        """The outcome of each message, in order; what is not settled has failed."""
        return [outcome or PublishOutcome.FAILED for outcome in self._outcomes]

    def _take(self, tag: int, *, multiple: bool) -> list[int]:
        if not multiple:
            position = self._positions.pop(tag, None)
            return [] if position is None else [position]
        taken = []
        for sent_tag in list(self._positions):
            if sent_tag > tag:
                break
            taken.append(self._positions.pop(sent_tag))
        return taken

    def _settle(self, position: int, outcome: PublishOutcome) -> None:
        self._outcomes[position] = outcome
        self._unsettled -= 1
