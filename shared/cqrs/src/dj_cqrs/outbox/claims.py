"""Claiming messages of the outbox, so that several relays never work on the same ones."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db import connections, transaction
from django.utils import timezone

from dj_cqrs.outbox.models import OutboxMessage


@contextmanager
def claim(using: str, limit: int) -> Iterator[list[OutboxMessage]]:
    """Yields due messages, oldest first, which are the caller's until the end of the block.

    Where the database can skip locked rows, the block is a transaction that holds their locks.
    Elsewhere (SQLite) there is no lock, since an open transaction would block every writer: run
    one relay there. A second one would publish twice, which replicas tell from new.

    Args:
        using: database alias.
        limit: how many at most.
    """
    with _transaction(using):
        yield _due(using, limit)


def _transaction(using: str) -> AbstractContextManager[object]:
    if connections[using].features.has_select_for_update_skip_locked:
        return transaction.atomic(using=using)
    return nullcontext()


def _due(using: str, limit: int) -> list[OutboxMessage]:
    """New messages, then those whose delay is over, each by an index of their own."""
    rows = OutboxMessage.objects.using(using)
    if connections[using].features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    messages = list(rows.filter(due_at__isnull=True).order_by("pk")[:limit])
    if len(messages) < limit:
        delayed = rows.filter(due_at__lte=timezone.now()).order_by("due_at")
        messages += delayed[: limit - len(messages)]
    return messages
