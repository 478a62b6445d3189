"""Claiming messages of the outbox, so that several relays never work on the same ones."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import accumulate

from django.db import connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from dj_cqrs.outbox.models import OutboxMessage


@contextmanager
def claim(using: str, limit: int, max_bytes: int) -> Iterator[list[OutboxMessage]]:
    """Yields due messages, oldest first, which are the caller's until the end of the block.

    Where the database can skip locked rows, the block is a transaction that holds their locks.
    Elsewhere (SQLite) there is no lock, since an open transaction would block every writer: run
    one relay there. A second one would publish twice, which replicas tell from new.

    Args:
        using: database alias.
        limit: how many at most.
        max_bytes: how long their bodies may be together; a longer one comes alone.
    """
    with _transaction(using):
        rows = OutboxMessage.objects.using(using)
        yield _loaded(rows, _fitting(_due(using, limit), max_bytes))


def _transaction(using: str) -> AbstractContextManager[object]:
    if connections[using].features.has_select_for_update_skip_locked:
        return transaction.atomic(using=using)
    return nullcontext()


def _due(using: str, limit: int) -> list[tuple[int, int]]:
    """Key and size of new messages, then of those whose delay is over, each by its own index."""
    rows = OutboxMessage.objects.using(using)
    if connections[using].features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    sizes = rows.values_list("pk", Length("body"))
    found = list(sizes.filter(due_at__isnull=True).order_by("pk")[:limit])
    if len(found) < limit:
        delayed = sizes.filter(due_at__lte=timezone.now()).order_by("due_at")
        found += delayed[: limit - len(found)]
    return found


def _fitting(found: list[tuple[int, int]], max_bytes: int) -> list[int]:
    """As many from the start as fit; one at least."""
    ends = accumulate(size for _, size in found)
    fitting = [pk for (pk, _), end in zip(found, ends, strict=True) if end <= max_bytes]
    return fitting or [pk for pk, _ in found[:1]]


def _loaded(rows: "QuerySet[OutboxMessage]", pks: list[int]) -> list[OutboxMessage]:
    """The messages in that order; sizes came first, so that no more than fits is ever read."""
    messages = rows.in_bulk(pks) if pks else {}
    return [messages[pk] for pk in pks if pk in messages]
