"""Memory of deleted rows: the revisions of a primary key never restart.

A replica that judges by revision alone would else take a row with a used key for older than the
row that was deleted under it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connections, transaction
from django.utils import timezone

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.keys import key_text
from dj_cqrs.master.changes import RowChange
from dj_cqrs.master.revisions import chunks
from dj_cqrs.outbox.models import DeletedRow
from dj_cqrs.wire import to_plain


def continue_revisions(model: Any, changes: Iterable[RowChange], using: str) -> None:
    """Raises the revision of rows whose key was deleted before, in this transaction or ever.

    Args:
        model: the master model.
        changes: what this transaction did to rows of it.
        using: database alias.
    """
    new: dict[str, Any] = {}
    for change in changes:
        if change.is_new and not change.is_deleted:
            new[key_text(change.pk)] = change.pk
        elif change.is_replaced and (deletion := change.deletion):
            _set(model, change.pk, deletion.instance_data["cqrs_revision"], using)
    if not new:
        return
    remembered = DeletedRow.objects.using(using).filter(cqrs_id=model.CQRS_ID, row_pk__in=new)
    for row in remembered:
        if _set(model, new[row.row_pk], row.revision + 1, using):
            row.delete(using=using)


def remember(deletions: Iterable[TransportPayload], using: str) -> None:
    """Remembers the revisions that rows were deleted with."""
    rows = [
        DeletedRow(
            cqrs_id=payload.cqrs_id,
            row_pk=key_text(payload.pk),
            revision=payload.instance_data["cqrs_revision"],
            deleted_at=timezone.now(),
        )
        for payload in deletions
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
