"""Recording: what a transaction changed becomes one message a row, in that same transaction.

The signals (``dj_cqrs.signals``) mark rows as they change. At the end of the outermost atomic
block, still inside it, the rows whose marks survived are read once and their payloads go to the
outbox, or without an outbox to the transport right after the commit.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db import router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from dj_cqrs import conf
from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.master import payloads, related, serialization, tracking
from dj_cqrs.master.changes import RowChange, by_model, children_first, fold
from dj_cqrs.master.marks import Change, Mark, Marks, marks_of
from dj_cqrs.master.revisions import NextRevision, chunks, true_revisions_of

logger = logging.getLogger("django-cqrs")


def before_save(instance: Any, using: str) -> None:
    """Lets the revision grow with the UPDATE to come, unless this transaction did already."""
    model, pk = instance._meta.concrete_model, instance.pk
    marks = _marks(using)
    is_changed = pk is not None and marks.is_changed(model, pk)
    if pk is not None and not is_changed and tracking.tracked_fields(model):
        marks.previous[model, pk] = tracking.read_previous(model, [pk], using).get(pk)
    instance.cqrs_revision = NextRevision(0 if is_changed else 1)


def before_raw_save(instance: Any, using: str) -> None:
    """As ``before_save``, for fixtures, which are written with the values that they hold."""
    model, pk = instance._meta.concrete_model, instance.pk
    rows = model._base_manager.using(using).select_for_update().filter(pk=pk)
    revision = rows.values_list("cqrs_revision", flat=True).first()
    if revision is None:
        instance.cqrs_revision = 0
    else:
        instance.cqrs_revision = revision + (0 if _marks(using).is_changed(model, pk) else 1)


def saved(instance: Any, using: str, *, created: bool) -> None:
    """Marks a row that ``save()`` wrote.

    The revision is a number again: known for a new row, else read when somebody asks for it.
    """
    model, pk = instance._meta.concrete_model, instance.pk
    if isinstance(instance.__dict__.get("cqrs_revision"), NextRevision):
        if created:
            instance.cqrs_revision = 0
        else:
            del instance.cqrs_revision
    previous = _marks(using).previous.pop((model, pk), None)
    change = Change.CREATE if created else Change.UPDATE
    _add(Mark(change, model, pk, using, instance=instance, previous=previous))


def before_delete(instance: Any, using: str) -> None:
    """Has the row's true revision read before the row is gone."""
    true_revisions_of(using).expect(instance._meta.concrete_model, instance.pk)


def deleted(instance: Any, using: str) -> None:
    """Marks a deleted row; one that somebody else had deleted before is theirs to send."""
    model, pk = instance._meta.concrete_model, instance.pk
    revision = true_revisions_of(using).take(model, pk)
    if revision is None:
        return
    if not _marks(using).is_changed(model, pk):
        revision += 1
    mark = Mark(Change.DELETE, model, pk, using)
    mark.payloads = [payloads.of_deleted(instance, revision)]
    _add(mark)


def bulk_created(instances: Iterable[Any], using: str | None) -> None:
    """Marks rows that were created in bulk."""
    for instance in instances:
        alias = _alias(instance, using)
        model = instance._meta.concrete_model
        _add(Mark(Change.CREATE, model, instance.pk, alias, instance=instance))


def bulk_updated(instances: Iterable[Any], using: str | None) -> None:
    """Marks rows that were updated in bulk, with a new revision where they have none yet."""
    if isinstance(instances, RecordedRows):
        return
    groups: dict[tuple[str, Any], dict[Any, Any]] = {}
    for instance in instances:
        key = (_alias(instance, using), instance._meta.concrete_model)
        groups.setdefault(key, {})[instance.pk] = instance
    for (alias, model), by_pk in groups.items():
        with transaction.atomic(using=alias, savepoint=False):
            marks = _marks(alias)
            related.raise_revisions(
                model, [pk for pk in by_pk if not marks.is_changed(model, pk)], alias
            )
            for pk, instance in by_pk.items():
                _add(Mark(Change.UPDATE, model, pk, alias, instance=instance))


class RecordedRows:
    """Rows of a bulk update that are marked already; iterating reads them."""

    def __init__(self, model: Any, pks: list[Any], using: str) -> None:
        self.model = model
        self.pks = pks
        self.using = using

    def __iter__(self) -> Iterator[Any]:
        return serialization.read_rows(self.model, self.pks, self.using)


def rows_updated(
    model: Any, previous: Mapping[Any, dict[str, Any] | None], using: str
) -> RecordedRows:
    """Marks rows by key whose revision was raised by the same UPDATE that changed them.

    Args:
        model: the master model.
        previous: pk -> tracked values before, if the model tracks any.
        using: database alias.
    """
    for pk, values in previous.items():
        _add(Mark(Change.UPDATE, model, pk, using, previous=values))
    return RecordedRows(model, list(previous), using)


def related_saved(model: Any, path: str, pks: Iterable[Any], using: str) -> None:
    """Marks that rows were saved which payloads of ``model`` embed, found along ``path``."""
    for pk in pks:
        _add(Mark(Change.RELATED, model, pk, using, path=path))


def sync_requested(instance: Any, using: str, queue: str | None) -> None:
    """Asks for the row's state at the end of the transaction."""
    model = instance._meta.concrete_model
    _add(Mark(Change.SYNC, model, instance.pk, using, instance=instance, queue=queue))


def record_syncs(model: Any, pks: Iterable[Any], using: str, queue: str | None) -> int:
    """Records the state of many rows, in one transaction of its own or the caller's.

    Returns:
        How many messages were recorded: rows that exist and that ``is_sync_instance``.
    """
    marks = [Mark(Change.SYNC, model, pk, using, queue=queue) for pk in pks]
    with transaction.atomic(using=using):
        recorded = record(using, marks)
        if not conf.outbox_is_installed():
            for mark in marks:
                transaction.on_commit(mark, using=using)
                mark.finish = _finish
    return recorded


def is_changed(model: Any, pk: Any, using: str) -> bool:
    """Whether the running transaction has raised the row's revision already."""
    return _marks(using).is_changed(model, pk)


def record(using: str, marks: list[Mark]) -> int:
    """Turns marks into messages; called inside their transaction.

    Returns:
        How many messages were recorded.
    """
    for mark in marks:
        mark.is_recorded = True
    changes = fold(mark for mark in marks if mark.change is not Change.RELATED)
    touched = [mark for mark in marks if mark.change is Change.RELATED]
    for mark in related.touch(touched, changes, using):
        changes.setdefault(mark.row, RowChange(mark.model, mark.pk)).marks.append(mark)
    count = 0
    gone: dict[Any, list[RowChange]] = {}
    for model, group in by_model(changes.values()).items():
        for chunk in chunks(group):
            count += _record_existing(model, chunk, gone, using)
    for model in children_first(gone):
        count += _hand_over(using, [(change, _of_gone(change)) for change in gone[model]])
    return count


def _record_existing(
    model: Any, chunk: list[RowChange], gone: dict[Any, list[RowChange]], using: str
) -> int:
    """Records the rows that exist, and puts the others aside: deletes are sent after saves."""
    if conf.outbox_is_installed():
        from dj_cqrs.outbox import memory

        memory.continue_revisions(model, chunk, using)
    pks = [change.pk for change in chunk if not change.is_deleted]
    rows = {row.pk: row for row in serialization.read_rows(model, pks, using)}
    ready = []
    for change in chunk:
        if (row := rows.get(change.pk)) is not None:
            ready.append((change, payloads.of_existing(change, row, using)))
        else:
            gone.setdefault(model, []).append(change)
    return _hand_over(using, ready)


def _of_gone(change: RowChange) -> list[TransportPayload]:
    """A row that this transaction created and removed again was never seen by anybody."""
    if change.is_new:
        return []
    if change.deletion is None:
        logger.error(
            "Can't produce message from master model '%s': The instance doesn't exist (pk=%s)",
            change.model.__name__,
            change.pk,
        )
        return []
    return [change.deletion]


def _hand_over(using: str, ready: list[tuple[RowChange, list[TransportPayload]]]) -> int:
    """To the outbox now; in direct mode to each row's last mark, for the time after the commit."""
    for change, messages in ready:
        for mark in change.marks:
            mark.payloads = []
        change.marks[-1].payloads = messages
    everything = [message for _, messages in ready for message in messages]
    if everything and conf.outbox_is_installed():
        from dj_cqrs.outbox import store

        store.record(everything, using)
        for change, _ in ready:
            change.marks[-1].payloads = []
    return len(everything)


def _flush(connection: BaseDatabaseWrapper) -> None:
    """Records what the transaction changed; called right before its commit."""
    using = connection.alias
    while pending := _marks(using).pending():
        record(using, pending)
    true_revisions_of(using).clear()


def _finish(mark: Mark) -> None:
    """After the commit.

    A mark that is not recorded by now had no commit of ours before it: a ``TestCase`` captured
    it, or a fixture was saved outside any transaction.
    """
    if not mark.is_recorded:
        with transaction.atomic(using=mark.using):
            record(mark.using, _marks(mark.using).pending_of(mark))
    messages, mark.payloads = mark.payloads, []
    for message in messages:
        producer.produce(message)


def _marks(using: str) -> Marks:
    return marks_of(using, _flush)


def _add(mark: Mark) -> None:
    mark.finish = _finish
    _marks(mark.using).add(mark)


def _alias(instance: Model, using: str | None) -> str:
    return using or instance._state.db or router.db_for_write(type(instance), instance=instance)
