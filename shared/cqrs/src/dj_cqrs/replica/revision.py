"""The one decision of a replica: does this message change what is known of its row?

Pure, so that every order of delivery can be tried. The caller holds the lock of the row's key and
remembers the state that ``advance`` returns.
"""

import enum
from dataclasses import dataclass
from datetime import datetime

from dj_cqrs.constants import SignalType


class Decision(enum.Enum):
    """What to do with a message."""

    #: It is news: write it.
    APPLY = "apply"
    #: It is here already.
    DUPLICATE = "duplicate"
    #: Something newer is here already.
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a message says about its place in the row's history.

    ``is_monotonic``: its master never lets a revision restart, not even when the primary key is
    used again (the header ``cqrs-revisions: monotonic``). Others restart at 0 then, and may take
    the revision of a DELETE from an object that was read long ago.
    """

    signal_type: SignalType
    revision: int
    master_updated_at: datetime
    is_monotonic: bool = False


@dataclass(frozen=True, slots=True)
class LocalState:
    """What is known of a row here: the newest message applied, and whether it was a DELETE.

    ``is_row_gone``: somebody else deleted the row, for example a worker of django-cqrs, which
    keeps no ledger.
    """

    revision: int
    is_deleted: bool
    master_updated_at: datetime
    is_monotonic: bool = False
    is_row_gone: bool = False


def decide(local: LocalState | None, incoming: Incoming) -> Decision:
    """Judges one message against what is known of its row (None: nothing).

    Between two messages of a monotonic master the revision alone decides, so that any order of
    delivery ends in the master's last state. For others the master's clock gives a second opinion:
    messages in order converge; what comes late may be drift, which the repair finds.
    """
    if local is None:
        return Decision.APPLY
    if local.is_monotonic and incoming.is_monotonic:
        return _by_revision(local, incoming)
    if local.is_deleted:
        return _against_tombstone(local, incoming)
    if incoming.signal_type is SignalType.DELETE:
        return _delete_against_row(local, incoming)
    return _save_against_row(local, incoming)


def advance(local: LocalState | None, incoming: Incoming) -> LocalState:
    """The state after a message was applied."""
    is_deleted = incoming.signal_type is SignalType.DELETE
    revision, updated_at = incoming.revision, incoming.master_updated_at
    if local is not None and is_deleted and not incoming.is_monotonic:
        # Neither a revision from an old object nor a clock that lags may make the tombstone
        # weaker than the row that it replaces.
        revision = max(revision, local.revision)
        updated_at = max(updated_at, local.master_updated_at)
    return LocalState(revision, is_deleted, updated_at, incoming.is_monotonic)


def _by_revision(local: LocalState, incoming: Incoming) -> Decision:
    if incoming.revision > local.revision:
        return Decision.APPLY
    if incoming.revision < local.revision:
        return Decision.STALE
    if incoming.signal_type is SignalType.SYNC and not local.is_deleted:
        return Decision.APPLY  # it brings what should be here, which repairs a row that differs
    return Decision.DUPLICATE


def _save_against_row(local: LocalState, incoming: Incoming) -> Decision:
    if incoming.revision > local.revision:
        return Decision.APPLY
    if incoming.revision < local.revision:
        # With its row gone, the key may be in use again, from 0 on; only the clock can tell.
        is_used_again = local.is_row_gone and _is_newer(local, incoming)
        return Decision.APPLY if is_used_again else Decision.STALE
    if incoming.signal_type is SignalType.SYNC:
        return Decision.APPLY
    # Two saves in one transaction of django-cqrs share a revision; the later one is the state.
    return Decision.APPLY if _is_newer(local, incoming) else Decision.DUPLICATE


def _delete_against_row(local: LocalState, incoming: Incoming) -> Decision:
    if incoming.revision > local.revision or _is_newer(local, incoming):
        return Decision.APPLY
    return Decision.STALE


def _against_tombstone(local: LocalState, incoming: Incoming) -> Decision:
    """Only the clock tells a key that is used again, at revision 0, from a late message."""
    if incoming.signal_type is not SignalType.DELETE:
        return Decision.APPLY if _is_newer(local, incoming) else Decision.STALE
    if incoming.revision > local.revision or _is_newer(local, incoming):
        return Decision.APPLY
    return Decision.DUPLICATE


def _is_newer(local: LocalState, incoming: Incoming) -> bool:
    return incoming.master_updated_at > local.master_updated_at
