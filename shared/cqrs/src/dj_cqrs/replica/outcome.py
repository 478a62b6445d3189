"""What became of a message."""

import enum
from dataclasses import dataclass

from dj_cqrs.exceptions import ContractError, PermanentError
from dj_cqrs.replica.message import (
    Message,
    OversizedError,
    RawMessage,
    Row,
    UnknownModelError,
    UntrustedError,
)
from dj_cqrs.replica.retry import Kind
from dj_cqrs.replica.revision import LocalState


class Outcome(enum.Enum):
    """How the handling of one message ended."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    #: Not for this service (a broadcast SYNC for a model that takes only direct ones).
    IGNORED = "ignored"
    #: It is kept, and tried again or a dead letter.
    FAILED = "failed"
    #: Not even the inbox can keep it, so the broker has to.
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome for one message; for a failure with its error.

    ``message`` is None where the body could not be read, ``waits_for`` names the missing row of a
    foreign key as ``cqrs_id/key``.
    """

    raw: RawMessage
    outcome: Outcome
    message: Message | None = None
    error: Exception | None = None
    waits_for: str | None = None
    #: What was known of the row when the message was judged.
    local: LocalState | None = None

    @property
    def kind(self) -> Kind:
        """The sort of a failure."""
        if isinstance(self.error, ContractError | PermanentError):
            return Kind.HOPELESS
        return Kind.FAILED if self.waits_for is None else Kind.ORPHANED

    @property
    def row(self) -> Row | None:
        """The row that it is about, as far as the body says so."""
        if self.message is not None:
            return self.message.row
        if isinstance(self.error, UnknownModelError | UntrustedError):
            return self.error.row
        return None

    @property
    def is_trusted(self) -> bool:
        """Whether its signature was looked at, and nothing was wrong with it."""
        if self.message is not None or isinstance(self.error, UnknownModelError):
            return True
        unseen = UntrustedError | OversizedError
        return isinstance(self.error, ContractError) and not isinstance(self.error, unseen)

    @property
    def failed(self) -> bool:
        """Whether the message has to be kept."""
        return self.outcome is Outcome.FAILED


def done(message: Message, outcome: Outcome, local: LocalState | None = None) -> Result:
    """A message that is settled."""
    return Result(message.raw, outcome, message, local=local)


def failed(message: Message, error: Exception, waits_for: str | None = None) -> Result:
    """A message that is to be kept, with the reason."""
    return Result(message.raw, Outcome.FAILED, message, error, waits_for)
