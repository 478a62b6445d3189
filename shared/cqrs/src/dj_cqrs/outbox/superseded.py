"""Messages without a queue that a later one of their row makes needless.

Nobody is there to hear what a row was in between. A queue that is bound later needs the last state
only; and what no queue takes may wait for long, perhaps with what somebody asked to be deleted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError

from dj_cqrs import keys, wire
from dj_cqrs.constants import SignalType
from dj_cqrs.exceptions import ContractError
from dj_cqrs.outbox.models import DeletedRow, OutboxMessage
from dj_cqrs.registries import MasterRegistry

_Row = tuple[str, str | None]
#: What is asked of the others.
_FIELDS: Final = ("pk", "cqrs_id", "row_pk", "routing_key", "revision", "body")


@dataclass(frozen=True, slots=True)
class State:
    """Which state of which row a body is about."""

    row_pk: str
    revision: int
    signal_type: str


def state_of(cqrs_id: str, body: bytes) -> State | None:
    """What a body says of its row, or None where it does not."""
    try:
        message = wire.decode(body)
        return State(
            key_text(cqrs_id, message["instance_pk"]),
            int(message["instance_data"]["cqrs_revision"]),
            message["signal_type"],
        )
    except (ContractError, KeyError, TypeError, ValueError):
        return None


def key_text(cqrs_id: str, pk: Any) -> str:
    """The key as ``DeletedRow`` has it, whatever its form."""
    model = MasterRegistry.models.get(cqrs_id)
    try:
        return keys.key_text(pk if model is None else model._meta.pk.to_python(pk))
    except (ValidationError, TypeError, ValueError, OverflowError):
        return keys.key_text(pk)


def needless(messages: Sequence[OutboxMessage], using: str) -> set[int]:
    """Looks which unroutable messages are needless, and says of each which state it is.

    Args:
        messages: unroutable ones that the caller has claimed; the others have their turn later.
        using: database alias.

    Returns:
        Primary keys of those that may go.
    """
    states: dict[int, State] = {}
    for message in messages:
        state = state_of(message.cqrs_id, bytes(message.body))
        if state is not None:
            message.row_pk, message.revision = state.row_pk, state.revision
            states[message.pk] = state
    if not states:
        return set()
    known = [message for message in messages if message.pk in states]
    deleted = _deleted(known, using)
    later = _by_row([*known, *_others(known, using)])
    return {
        message.pk
        for message in known
        if _is_of_deleted(message, states[message.pk], deleted)
        or any(
            is_superseded_by(message, states[message.pk], other) for other in later[_row(message)]
        )
    }


def is_superseded_by(message: OutboxMessage, state: State, other: OutboxMessage) -> bool:
    """Whether whoever gets the other one needs this one no more.

    What goes to one queue alone is superseded by what goes to all. But a SYNC supersedes only a
    SYNC on the same way: some models ignore those that were not sent to them alone.
    """
    if (other.revision or 0, other.pk) <= (state.revision, message.pk):
        return False
    is_same_way = other.routing_key == message.routing_key
    if is_same_way and state.signal_type == SignalType.SYNC:
        return True
    # Else the other one goes to all, or is a SYNC: nothing else is sent to one queue alone.
    said = state_of(other.cqrs_id, bytes(other.body))
    return said is not None and said.signal_type != SignalType.SYNC


def _is_of_deleted(message: OutboxMessage, state: State, deleted: dict[_Row, int]) -> bool:
    """Whether it tells of a row that is gone by now; its DELETE itself stays."""
    revision = deleted.get(_row(message))
    is_delete = state.signal_type == SignalType.DELETE
    return revision is not None and revision > state.revision and not is_delete


def _deleted(messages: Iterable[OutboxMessage], using: str) -> dict[_Row, int]:
    rows = DeletedRow.objects.using(using).filter(
        cqrs_id__in={message.cqrs_id for message in messages},
        row_pk__in={message.row_pk for message in messages},
    )
    return {
        (cqrs_id, row_pk): revision
        for cqrs_id, row_pk, revision in rows.values_list("cqrs_id", "row_pk", "revision")
    }


def _others(messages: Iterable[OutboxMessage], using: str) -> list[OutboxMessage]:
    """Unroutable messages of the same rows that are not in hand."""
    others = OutboxMessage.objects.using(using).filter(
        is_unroutable=True,
        cqrs_id__in={message.cqrs_id for message in messages},
        row_pk__in={message.row_pk for message in messages},
    )
    return list(others.exclude(pk__in=[message.pk for message in messages]).only(*_FIELDS))


def _by_row(messages: Iterable[OutboxMessage]) -> dict[_Row, list[OutboxMessage]]:
    """Compared as Python does: a database may take two keys for one."""
    by_row: dict[_Row, list[OutboxMessage]] = {}
    for message in messages:
        by_row.setdefault(_row(message), []).append(message)
    return by_row


def _row(message: OutboxMessage) -> _Row:
    return message.cqrs_id, message.row_pk
