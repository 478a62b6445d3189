"""A master's part in mending drift: the revisions of its rows, and of those that are gone."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from dj_cqrs import conf
from dj_cqrs.master.revisions import chunks, sends_every_row


def current_revisions(model: Any, pks: Sequence[Any], using: str) -> dict[Any, int]:
    """The revisions of rows now; those that do not exist are missing."""
    rows = model._base_manager.using(using)
    found: dict[Any, int] = {}
    for chunk in chunks(pks):
        found.update(rows.filter(pk__in=chunk).values_list("pk", "cqrs_revision"))
    return found


def missing(model: Any, pks: Sequence[Any], using: str) -> list[Any]:
    """The keys under which there is no row, not even one that the default manager hides."""
    existing = current_revisions(model, pks, using)
    return [pk for pk in pks if pk not in existing]


def take_back(model: Any, known: Mapping[Any, int], using: str) -> dict[Any, int]:
    """Raises rows that stay at home above what a replica has under their keys.

    A replica that is ahead of such a row has it from a time that this master has lost, when it was
    sent. It is no more, until ``is_sync_instance`` says so again.

    Args:
        model: the master model.
        known: by key, the revision that a replica has.
        using: database alias.

    Returns:
        By key: the revision of the DELETE with which a replica forgets the row.
    """
    if sends_every_row(model):
        return {}
    raised: dict[Any, int] = {}
    for chunk in chunks(list(known)):
        with transaction.atomic(using=using):
            rows = model._base_manager.using(using).select_for_update().filter(pk__in=chunk)
            for row in rows.order_by("pk"):
                if row.cqrs_revision < known[row.pk] and not row.is_sync_instance():
                    raised[row.pk] = known[row.pk] + 1
                    rows.filter(pk=row.pk).update(cqrs_revision=raised[row.pk])
    return raised


def revisions_of_deleted(model: Any, known: Mapping[Any, int], using: str) -> dict[Any, int]:
    """The revisions with which rows were deleted; a row that uses such a key again goes on after.

    Args:
        model: the master model.
        known: by key, the newest revision that a replica knows. It is below the result.
        using: database alias.

    Returns:
        By key; empty in direct mode, which remembers nothing.
    """
    if not conf.outbox_is_installed():
        return {}
    from dj_cqrs.outbox import memory

    return memory.raise_above(model, known, using)
