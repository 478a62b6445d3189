"""Memory of deleted rows: the revisions of a primary key never restart.

A replica that judges by revision alone would else take a row with a used key for older than the
row that was deleted under it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from dj_cqrs.keys import key_text
from dj_cqrs.master.changes import RowChange
from dj_cqrs.master.revisions import chunks
from dj_cqrs.outbox.models import DeletedRow
from dj_cqrs.wire import to_plain

_PROBE: Final = -1


def continue_revisions(model: Any, changes: Iterable[RowChange], using: str) -> None:
    """Raises the revision of new rows whose key was deleted in an earlier transaction.

    Args:
        model: the master model.
        changes: what this transaction did to rows of it.
        using: database alias.
    """
    new: dict[str, Any] = {}
    for change in changes:
        if change.is_new and not change.is_deleted:
            new[key_text(change.pk)] = change.pk
    if not new:
        return
    for row_pk, revision in _remembered(model.CQRS_ID, list(new), using).items():
        if _set(model, new[row_pk], revision + 1, using):
            _rows(model.CQRS_ID, [row_pk], using).delete()


def remember(changes: Iterable[RowChange], using: str) -> None:
    """Remembers the revisions that rows were deleted with, whether others are told or not."""
    rows = [
        DeletedRow(
            cqrs_id=change.model.CQRS_ID,
            row_pk=key_text(change.pk),
            revision=change.deleted_revision,
            deleted_at=timezone.now(),
        )
        for change in changes
        if change.deleted_revision is not None and not change.is_new
    ]
    _save(rows, using)


def raise_above(model: Any, known: Mapping[Any, int], using: str) -> dict[Any, int]:
    """Remembers deleted rows with a revision above the one given, where it is not higher already.

    For deletes that were not seen here (raw SQL, a restored backup): a row that uses such a key
    again must win over what replicas know of the old one.

    Args:
        model: the master model.
        known: by key, the newest revision that is known of the deleted row.
        using: database alias.

    Returns:
        By key: the revision that is remembered now.
    """
    remembered: dict[Any, int] = {}
    rows = DeletedRow.objects.using(using).select_for_update().filter(cqrs_id=model.CQRS_ID)
    for chunk in chunks(list(known)):
        by_text = {key_text(to_plain(pk)): pk for pk in chunk}
        with transaction.atomic(using=using):
            old = dict(rows.filter(row_pk__in=by_text).values_list("row_pk", "revision"))
            new = {text: max(known[pk] + 1, old.get(text, 0)) for text, pk in by_text.items()}
            _save(
                [
                    DeletedRow(cqrs_id=model.CQRS_ID, row_pk=row_pk, revision=revision)
                    for row_pk, revision in new.items()
                    if revision != old.get(row_pk)
                ],
                using,
            )
        remembered |= {pk: new[text] for text, pk in by_text.items()}
    return remembered


def _remembered(cqrs_id: str, row_pks: list[str], using: str) -> dict[str, int]:
    """The revisions of deleted rows by key, those that were deleted a moment ago included."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        return _remembered_on_postgresql(cqrs_id, row_pks, using)
    rows = _rows(cqrs_id, row_pks, using)
    if connection.vendor == "mysql":
        rows = rows.select_for_update()  # looks past the snapshot of REPEATABLE READ
    return dict(rows.values_list("row_pk", "revision"))


def _remembered_on_postgresql(cqrs_id: str, row_pks: list[str], using: str) -> dict[str, int]:
    """The same, where a transaction may see none of what was committed after its first query.

    Above READ COMMITTED a row can be inserted under a key whose deletion is not to be seen. An
    INSERT beside the memory of that deletion then fails like any other late write of such a
    transaction, and its caller tries again.
    """
    table = connections[using].ops.quote_name(DeletedRow._meta.db_table)
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT level, row_pk, revision FROM current_setting('transaction_isolation') level "  # noqa: S608
            f"LEFT JOIN {table} ON cqrs_id = %s AND row_pk = ANY(%s)",  # nosec B608
            [cqrs_id, row_pks],
        )
        found = cursor.fetchall()
    remembered = {row_pk: revision for _, row_pk, revision in found if row_pk is not None}
    if found[0][0] != "read committed":
        unknown = [row_pk for row_pk in row_pks if row_pk not in remembered]
        probes = [DeletedRow(cqrs_id=cqrs_id, row_pk=each, revision=_PROBE) for each in unknown]
        DeletedRow.objects.using(using).bulk_create(probes, ignore_conflicts=True)
        _rows(cqrs_id, unknown, using).filter(revision=_PROBE).delete()
    return remembered


def _rows(cqrs_id: str, row_pks: list[str], using: str) -> "QuerySet[DeletedRow]":
    return DeletedRow.objects.using(using).filter(cqrs_id=cqrs_id, row_pk__in=row_pks)


def _save(rows: list[DeletedRow], using: str) -> None:
    if not rows:
        return
    has_target = connections[using].features.supports_update_conflicts_with_target
    DeletedRow.objects.using(using).bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["revision", "deleted_at"],
        unique_fields=["cqrs_id", "row_pk"] if has_target else None,
    )


def _set(model: Any, pk: Any, revision: int, using: str) -> bool:
    rows = model._base_manager.using(using).filter(pk=pk)
    return bool(rows.update(cqrs_revision=revision))
