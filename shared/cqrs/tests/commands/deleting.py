"""What the tests of the pipe of deleted rows do beforehand, and where they look."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry
from tests.master import outbox_reader


def now_line(cqrs_id: str, *, seconds: float = 0) -> str:
    return f"{cqrs_id},{timezone.now() + timedelta(seconds=seconds)}"


def tombstone(cqrs_id: str, pk: Any) -> tuple[bool, int]:
    entry = LedgerEntry.objects.get(cqrs_id=cqrs_id, row_pk=str(pk))
    return entry.is_deleted, entry.revision


def lose_deletes(model: Any, **filters: Any) -> None:
    """Deletes rows on the master; no replica hears of it."""
    model.objects.filter(**filters).delete()
    outbox_reader.take()
