"""Copies of a row in the outbox of a master."""

from dataclasses import dataclass
from typing import Any

from dj_cqrs import wire
from dj_cqrs.constants import SignalType
from dj_cqrs.management.erasure import Erased
from dj_cqrs.outbox import superseded
from dj_cqrs.outbox.models import DeletedRow, OutboxMessage

_CHUNK_SIZE = 500


@dataclass(frozen=True, slots=True)
class Told:
    """The newest state of a row that replicas were told of, or will be.

    Attributes:
        revision: of that state, or of the deletion.
        is_deleted: whether it is a deletion.
        is_sent: whether it is sent to replicas at all.
    """

    revision: int
    is_deleted: bool
    is_sent: bool = True


def newest(model: Any, pk: Any, using: str) -> Told | None:
    """What the master has of the row; None where it does not know it."""
    row = model._base_manager.using(using).filter(pk=pk).first()
    if row is not None:
        is_sent = model.CQRS_PRODUCE and row.is_sync_instance()
        return Told(row.cqrs_revision, is_deleted=False, is_sent=is_sent)
    row_pk = superseded.key_text(model.CQRS_ID, pk)
    memory = DeletedRow.objects.using(using).filter(cqrs_id=model.CQRS_ID, row_pk=row_pk).first()
    return None if memory is None else Told(memory.revision, is_deleted=True)


def erase(model: Any, pk: Any, using: str, *, is_dry_run: bool) -> Erased:
    """Removes messages of a row that a later one, sent or still to be sent, makes needless."""
    report = Erased(f"outbox of database {using!r}")
    found = _find(model, superseded.key_text(model.CQRS_ID, pk), using)
    told = newest(model, pk, using)
    needless = []
    for message, state in found:
        others = (other for other, _ in found)
        if _is_told(state, told) or any(
            superseded.is_superseded_by(message, state, other) for other in others
        ):
            needless.append(message.pk)
            continue
        report.kept.append(f"{state.signal_type} at revision {state.revision}, to be published")
        if _says_former_values(message):
            report.unfinished.append(
                "a message that is to be published says values from before (CQRS_TRACKED_FIELDS): "
                "save the row once more, and run this again"
            )
    report.removed = len(needless)
    if needless and not is_dry_run:
        # Waits for a relay that has them in hand; what it publishes meanwhile is gone as well.
        OutboxMessage.objects.using(using).filter(pk__in=needless).delete()
    return report


def _find(model: Any, row_pk: str, using: str) -> list[tuple[OutboxMessage, superseded.State]]:
    """All messages of the row. Their bodies alone know whose they are: each is looked at."""
    rows = OutboxMessage.objects.using(using).filter(cqrs_id=model.CQRS_ID).order_by("pk")
    found = []
    for message in rows.iterator(_CHUNK_SIZE):
        state = superseded.state_of(model.CQRS_ID, bytes(message.body))
        if state is not None and state.row_pk == row_pk:
            message.row_pk, message.revision = state.row_pk, state.revision
            found.append((message, state))
    return found


def _is_told(state: superseded.State, told: Told | None) -> bool:
    """Whether everybody who could hear of it has heard of something newer."""
    if told is None or not told.is_sent or told.revision <= state.revision:
        return False
    return not (told.is_deleted and state.signal_type == SignalType.DELETE)


def _says_former_values(message: OutboxMessage) -> bool:
    return bool(wire.decode(bytes(message.body)).get("previous_data"))
