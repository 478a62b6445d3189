"""Sync: the full state of rows on demand, beside live changes, through the same outbox."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from dj_cqrs.master import marking, recording
from dj_cqrs.master.marks import Change, Mark


def sync_instance(instance: Any, *, using: str | None, queue: str | None) -> bool:
    """Asks for one row's state to be sent.

    Args:
        instance: the row; refreshed from the database, except for a model with a serializer.
        using: database alias.
        queue: the single queue to send to.

    Returns:
        False if there is no such row.
    """
    if instance._state.adding:
        return False
    alias = marking.alias_of(instance, using)
    with transaction.atomic(using=alias, savepoint=False):
        rows = type(instance)._base_manager.using(alias).filter(pk=instance.pk)
        if not rows.exists():
            return False
        if not instance.CQRS_SERIALIZER:
            instance.refresh_from_db(using=alias)
        marking.sync_requested(instance, alias, queue)
    return True


def sync_rows(model: Any, pks: Iterable[Any], *, using: str, queue: str | None) -> int:
    """Sends the state of many rows, in one transaction.

    Args:
        model: the master model.
        pks: keys of the rows.
        using: database alias.
        queue: the single queue to send to; None for every replica.

    Returns:
        How many messages were or will be recorded: rows that exist and ``is_sync_instance``.
    """
    now: list[Mark] = []
    later: list[Mark] = []
    for pk in pks:
        mark = Mark(Change.SYNC, model, pk, using, queue=queue)
        # What the caller's transaction has changed may change again before its end.
        (later if marking.is_changed(model, pk, using) else now).append(mark)
    for mark in later:
        recording.add(mark)
    return recording.record_now(now, using) + len(later)
