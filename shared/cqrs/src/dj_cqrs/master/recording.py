"""Recording: what a transaction changed becomes one message a row, in that same transaction.

Rows are marked as they change (``master.marking``). At the end of the outermost atomic block,
still inside it, the rows whose marks survived are read once and their payloads go to the outbox,
or without an outbox to the transport right after the commit.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from dj_cqrs import bodies, conf
from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import PermanentError
from dj_cqrs.fail_points import reach
from dj_cqrs.master import payloads, related, serialization
from dj_cqrs.master.changes import RowChange, by_model, fold
from dj_cqrs.master.children import children_first, rows_children_first
from dj_cqrs.master.marks import Change, Mark, Marks, marks_of
from dj_cqrs.master.revisions import chunks, known_otherwise, true_revisions_of
from dj_cqrs.privacy import telling
from dj_cqrs.transport import undelivered

logger = logging.getLogger("django-cqrs")

#: Changes that let the revision of their row grow.
_RAISING: Final = frozenset({Change.CREATE, Change.UPDATE, Change.KEPT})

#: Marks that say nothing of their row to others.
_SILENT: Final = frozenset({Change.RELATED, Change.UNSENT, Change.KEPT})


class RecordingLoopError(PermanentError):
    """Raised when recording a transaction's changes changes more, without end."""


#: Called after the commit with each message, in the place of a transport (``dj_cqrs.testing``).
listeners: Final[list[Callable[[TransportPayload], None]]] = []


#: How often recording may lead to changes that are to be recorded too.
_MAX_ROUNDS: Final = 100


def marks_on(using: str) -> Marks:
    """The marks of the running transaction, which will be recorded right before its commit."""
    return marks_of(using, _flush)


def add(mark: Mark) -> None:
    """Adds a mark to the running transaction; without one it is recorded at once."""
    mark.finish = _finish
    if mark.change in _RAISING:
        true_revisions_of(mark.using).outdate(mark.model, mark.pk)
    marks_on(mark.using).add(mark)


def record_now(marks: list[Mark], using: str) -> int:
    """Records marks that are no part of the running transaction's changes.

    Returns:
        How many messages were recorded.
    """
    if not marks:
        return 0
    with transaction.atomic(using=using):
        count = record(marks, using)
        add(marks[-1])
    return count


def record(marks: list[Mark], using: str) -> int:
    """Turns marks into messages; called inside their transaction.

    Args:
        marks: all that is known of some rows; at least one.
        using: database alias.

    Returns:
        How many messages were recorded.
    """
    for mark in marks:
        mark.is_recorded = True
    count = 0
    for batch in _messages(marks, using):
        count += len(batch)
        has_outbox = conf.outbox_is_installed()
        if has_outbox:
            from dj_cqrs.outbox import store

            store.record(batch, using)
        else:
            for payload in batch:
                bodies.encode(payload)  # as with an outbox: refused before the commit
        if listeners or not has_outbox:
            # The last mark carries them all over the commit.
            marks[-1].messages += batch
    return count


def commit(using: str, but: Iterable[Mark]) -> None:
    """Does with the marks of a transaction that never ends what its commit would do.

    Args:
        using: database alias.
        but: marks that are left as they are.
    """
    marks = marks_on(using)
    left = set(but)
    with transaction.atomic(using=using):
        _record_all(using, lambda: [mark for mark in marks.pending() if mark not in left])
    for mark in marks.all():
        if mark not in left:
            mark()


def _messages(marks: list[Mark], using: str) -> Iterator[list[TransportPayload]]:
    """Yields the payloads in batches: saves by model, then deletes, children before parents."""
    changes = fold(mark for mark in marks if mark.change not in _SILENT)
    saved = (mark for mark in marks if mark.change is Change.RELATED)
    for mark in related.touch(saved, changes, using):
        changes.setdefault(mark.row, RowChange(mark.model, mark.pk)).marks.append(mark)
    gone: dict[Any, list[RowChange]] = {}
    for model, group in by_model(changes.values()).items():
        for chunk in chunks(group):
            yield _of_existing(model, chunk, gone, using)
    for model in children_first(gone):
        rows = rows_children_first(gone[model])
        if conf.outbox_is_installed():
            from dj_cqrs.outbox import memory

            memory.remember(rows, using)
        yield [payload for change in rows for payload in _of_gone(change)]


def _of_existing(
    model: Any, chunk: list[RowChange], gone: dict[Any, list[RowChange]], using: str
) -> list[TransportPayload]:
    """Payloads of the rows that exist; the others are put aside."""
    for change in chunk:
        if change.is_replaced:
            # Replicas hear of no deletion, so what they have must be older than the new row.
            rows_of_key = model._base_manager.using(using).filter(pk=change.pk)
            rows_of_key.update(cqrs_revision=change.deleted_revision)
    if conf.outbox_is_installed():
        from dj_cqrs.outbox import memory

        memory.continue_revisions(model, chunk, using)
    new = [change.pk for change in chunk if change.is_new and not change.is_deleted]
    if new and model.CQRS_RELATED:
        related.hold_embedded(model, new, using)
    pks = [change.pk for change in chunk if not change.is_deleted]
    rows = _rows_by_key(model, pks, using)
    found: list[TransportPayload] = []
    for change in chunk:
        if (row := rows.get(change.pk)) is not None:
            found += payloads.of_existing(change, row, using)
        else:
            gone.setdefault(model, []).append(change)
    return found


def _rows_by_key(model: Any, pks: list[Any], using: str) -> dict[Any, Any]:
    """Rows by the keys that were asked for, which may have another form than their own."""
    rows = {row.pk: row for row in serialization.read_rows(model, pks, using)}
    for pk in known_otherwise(pks, rows):
        for row in serialization.read_rows(model, [pk], using):
            rows[pk] = row
    return rows


def _of_gone(change: RowChange) -> list[TransportPayload]:
    """A row that this transaction created and removed again was never seen by anybody."""
    if change.is_new:
        return []
    if change.deleted_revision is None:
        logger.error(
            "Can't produce message from master model '%s': The instance doesn't exist (pk=%s)",
            change.model.__name__,
            change.pk,
        )
        return []
    return [] if change.deletion is None else [change.deletion]


def _flush(connection: BaseDatabaseWrapper) -> bool:
    """Records what the transaction changed, if anything; called right before its commit."""
    using = connection.alias
    has_changed = _record_all(using, marks_on(using).pending)
    # What direct mode has to produce goes before other hooks, which may raise and stop the rest.
    connection.run_on_commit.sort(key=lambda hook: not _carries_messages(hook[1]))
    true_revisions_of(using).clear()
    return has_changed


def _record_all(using: str, pending: Callable[[], list[Mark]]) -> bool:
    """Records marks, and those that users' code adds meanwhile.

    Returns:
        Whether there were any.

    Raises:
        RecordingLoopError: it adds more each time; the transaction is to be rolled back.
    """
    for number in range(_MAX_ROUNDS):
        marks = pending()
        if not marks:
            if number:
                reach("master.recorded")
            return number > 0
        reach("master.row_written")
        record(marks, using)
    saved = {mark.model.__name__ for mark in pending() if mark.change is not Change.RELATED}
    names = ", ".join(sorted(saved))
    raise RecordingLoopError(
        f"Sending rows of {names} saves rows that are to be sent too, again and again: "
        "a serializer or get_cqrs_meta must not save what it is asked about."
    )


def _carries_messages(hook: Any) -> bool:
    return isinstance(hook, Mark) and bool(hook.messages)


def _finish(mark: Mark) -> None:
    """Produces, after the commit, what direct mode has to produce.

    A mark that is not recorded by now had no commit of ours before it: a ``TestCase`` captured
    it, or a fixture was saved outside any transaction.
    """
    if not mark.is_recorded:
        with transaction.atomic(using=mark.using):
            record(marks_on(mark.using).pending_of(mark), mark.using)
    messages, mark.messages = mark.messages, []
    for message in messages:
        for listener in listeners:
            listener(message)
        if not listeners and not conf.outbox_is_installed():
            _produce(message)


def _produce(payload: TransportPayload) -> None:
    """The change is committed: an error must reach neither its caller nor the other payloads."""
    try:
        producer.produce(payload)
    except Exception as error:  # noqa: BLE001  it is logged
        telling.log_exception(
            "CQRS couldn't be published: pk = %s (%s).",
            *(payload.pk, payload.cqrs_id),
            error=error,
            payload=payload,
        )
        undelivered.report(payload, error)
