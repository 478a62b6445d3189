"""Sync: the full state of a row on demand, beside live changes, through the same outbox."""

from typing import Any

from django.db import transaction

from dj_cqrs.master import marking


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
