"""Marking: what changes a row, and what its revision is then. Called by signals and managers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db import router, transaction
from django.db.models import Model

from dj_cqrs.master import children, payloads, related, serialization, tracking
from dj_cqrs.master.changes import RowChange
from dj_cqrs.master.marks import Change, Mark, model_of, row_of
from dj_cqrs.master.recording import add, marks_on
from dj_cqrs.master.revisions import NextRevision, Stored, true_revisions_of
from dj_cqrs.master.saved_object import as_saved


def before_save(instance: Any, using: str) -> None:
    """Lets the revision grow with the UPDATE to come, unless this transaction did already."""
    model, pk = row_of(instance)
    marks = marks_on(using)
    is_changed = pk is not None and marks.is_changed(model, pk)
    if pk is not None and not is_changed and tracking.tracked_fields(model):
        marks.previous[model, pk] = tracking.read_previous(model, [pk], using).get(pk)
    instance.cqrs_revision = NextRevision(0 if is_changed else 1)


def after_save(instance: Any, using: str) -> None:
    """Forgets what a save that failed has left."""
    marks_on(using).previous.pop(row_of(instance), None)


def before_raw_save(instance: Any, using: str) -> None:
    """As ``before_save``, for fixtures, which are written with the values that they hold.

    There may be no transaction: the object that a deserializer yields opens none.
    """
    model, pk = row_of(instance)
    is_changed = marks_on(using).is_changed(model, pk)
    instance.cqrs_revision = NextRevision(0 if is_changed else 1)


def saved(instance: Any, using: str | None, *, created: bool, is_sent: bool) -> None:
    """Marks a row that ``save()`` wrote.

    The revision is a number again: known for a new row, else read when somebody asks for it. It
    grows also where the model does not produce, so that diffs find the row when it does again.
    """
    using = alias_of(instance, using)
    model, pk = row_of(instance)
    if isinstance(instance.__dict__.get("cqrs_revision"), NextRevision):
        if created:
            instance.cqrs_revision = 0
        else:
            instance.__dict__.pop("cqrs_revision")  # a tracker's descriptor cannot be deleted
    previous = marks_on(using).previous.pop((model, pk), None)
    change = Change.KEPT
    if is_sent:
        change = Change.CREATE if created else Change.UPDATE
    add(Mark(change, model, pk, using, instance=instance, previous=previous))
    if tracking.tracked_fields(model) and (marks := marks_on(using).of(model, pk)):
        tracking.remember(instance, tracking.of_change(RowChange(model, pk, marks), instance))


def saved_silently(instance: Any, using: str) -> None:
    """Counts a save that is not sent."""
    add(Mark(Change.UNSENT, *row_of(instance), using, instance=instance))


def saves_of(instance: Any) -> list[Mark]:
    """The saves of this object in the running transaction."""
    using = instance._state.db
    return marks_on(using).saves_of(instance) if using else []


def before_delete(instance: Any, using: str) -> None:
    """Has the row's true revision read before the row is gone."""
    true_revisions_of(using).expect(*row_of(instance))


def deleted(instance: Any, using: str | None) -> None:
    """Marks a deleted row; one that somebody else had deleted before is theirs to send."""
    using = alias_of(instance, using)
    model, pk = row_of(instance)
    revisions = true_revisions_of(using)
    # Nobody announced it: a caller of the handler, who removed the row in a way of his own.
    is_announced = revisions.is_expected(model, pk)
    stored = revisions.take(model, pk) if is_announced else Stored(pk, instance.cqrs_revision)
    if stored is None:
        return
    pk = stored.pk
    # Deferred since an earlier save, it could not be read any more; receivers may want to.
    instance.__dict__.setdefault("cqrs_revision", stored.revision)
    mark = Mark(Change.DELETE, model, pk, using, parents=children.parents_of(instance))
    mark.revision = stored.revision + (0 if marks_on(using).is_changed(model, pk) else 1)
    asked = instance if stored.row is None else as_saved(stored.row, instance)
    if asked.is_sync_instance():
        mark.deletion = payloads.of_deleted(instance, pk, mark.revision)
    add(mark)


def bulk_created(instances: Iterable[Any], using: str | None) -> None:
    """Marks rows that were created in bulk."""
    for instance in instances:
        add(Mark(Change.CREATE, *row_of(instance), alias_of(instance, using), instance=instance))


def bulk_updated(instances: Iterable[Any], using: str | None) -> None:
    """Marks rows that were updated in bulk, with a new revision where they have none yet."""
    if isinstance(instances, RecordedRows):
        return
    groups: dict[tuple[str, Any], dict[Any, Any]] = {}
    for instance in instances:
        model, pk = row_of(instance)
        groups.setdefault((alias_of(instance, using), model), {})[pk] = instance
    for (alias, model), by_pk in groups.items():
        with transaction.atomic(using=alias, savepoint=False):
            marks = marks_on(alias)
            related.raise_revisions(
                model, [pk for pk in by_pk if not marks.is_changed(model, pk)], alias
            )
            for pk, instance in by_pk.items():
                add(Mark(Change.UPDATE, model, pk, alias, instance=instance))


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
    change = Change.UPDATE if model.CQRS_PRODUCE else Change.KEPT
    model = model_of(model)
    for pk, values in previous.items():
        add(Mark(change, model, pk, using, previous=values))
    return RecordedRows(model, list(previous), using)


def related_saved(model: Any, path: str, pks: Iterable[Any], using: str) -> None:
    """Marks that rows were saved which payloads of ``model`` embed, found along ``path``."""
    if not model.CQRS_PRODUCE:
        return
    for pk in pks:
        add(Mark(Change.RELATED, model, pk, using, path=path))


def sync_requested(instance: Any, using: str | None, queue: str | None) -> None:
    """Asks for the row's state at the end of the transaction, if its model produces."""
    if not type(instance).CQRS_PRODUCE:
        return
    using = alias_of(instance, using)
    add(Mark(Change.SYNC, *row_of(instance), using, instance=instance, queue=queue))


def is_changed(model: Any, pk: Any, using: str) -> bool:
    """Whether the running transaction has raised the row's revision already."""
    return marks_on(using).is_changed(model_of(model), pk)


def alias_of(instance: Model, using: str | None) -> str:
    """The database that is meant: the one given, else the object's own."""
    return using or instance._state.db or router.db_for_write(type(instance), instance=instance)
