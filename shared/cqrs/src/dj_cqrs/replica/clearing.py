"""Removing all rows of a replica model, to be filled anew from a dump.

What is known of the rows is kept for messages that are still on their way: every key becomes a
tombstone that is judged by the master's clock. So a late SAVE of a row that is gone stays out,
while a sync of a row that the dump lacks, or a key that a restored master uses again, comes in.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.replica import bulk

_PAGE_SIZE: Final = 1000
_NOTHING_SEEN: Final = -1


def clear(model: Any, using: str) -> datetime:
    """Removes all rows; within a transaction of the caller, which loads the new ones.

    Returns:
        When that was, for ``forget``.

    Raises:
        DatabaseError: other rows do not let them go.
    """
    entries = LedgerEntry.objects.using(using).filter(cqrs_id=model.CQRS_ID)
    # In the order in which workers lock them, so that nobody waits for each other.
    locked = entries.select_for_update().order_by("row_pk").values_list("revision", flat=True)
    for _ in locked.iterator():
        pass
    _delete_rows(model, using)
    cleared_at = timezone.now()
    known = entries.exclude(revision=_NOTHING_SEEN)
    # A sync of the very state that was here is newer than the tombstone; what came before is not.
    known.filter(is_deleted=False).update(
        master_updated_at=F("master_updated_at") - timedelta(microseconds=1)
    )
    known.update(is_deleted=True, is_monotonic=False, changed_at=cleared_at)
    return cleared_at


def forget(model: Any, row_pks: Collection[str], cleared_at: datetime, using: str) -> None:
    """Forgets what was known of keys before ``clear``; what workers learned since then stays."""
    LedgerEntry.objects.using(using).filter(
        cqrs_id=model.CQRS_ID, row_pk__in=row_pks, changed_at=cleared_at
    ).update(revision=_NOTHING_SEEN, is_deleted=False)


def _delete_rows(model: Any, using: str) -> None:
    rows = model._base_manager.using(using).order_by("pk").values_list("pk", flat=True)
    page = list(rows[:_PAGE_SIZE])
    while page:
        bulk.delete(model, page, using)
        page = list(rows.filter(pk__gt=page[-1])[:_PAGE_SIZE])
    if rows.exists():
        raise DatabaseError(f"some rows of {model.__name__} stay")
