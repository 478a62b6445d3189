"""Syncing many rows: in short transactions, and no row pays for another one's failure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Greatest
from django.utils import timezone

from dj_cqrs.connections import is_about_connection, persistently
from dj_cqrs.fail_points import reach
from dj_cqrs.master import marking, recording
from dj_cqrs.master.marks import Change, Mark
from dj_cqrs.master.revisions import chunks
from dj_cqrs.transport import undelivered

#: How far ahead of a restored master its replicas are at most, where nobody knows: rows were
#: written less often than that since the backup. Revisions have room for two thousand times that.
MARGIN: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What is to be sent of which model.

    Args:
        model: the master model.
        using: database alias.
        queue: the single queue to send to; None for every replica.
        raise_above: lets each row's revision grow above this number first (and by at least one),
            so that replicas take it which have newer ones than a restored master.
    """

    model: Any
    using: str
    queue: str | None = None
    raise_above: int | None = None


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """A row whose state could not be sent, and why."""

    pk: Any
    error: Exception


@dataclass(slots=True)
class SyncReport:
    """What became of some rows; those that are neither need not be sent, or are gone."""

    #: Rows whose message is in the outbox, or in direct mode was confirmed by the broker.
    synced: int = 0
    failures: list[SyncFailure] = field(default_factory=list)

    def __add__(self, other: Self) -> "SyncReport":
        return SyncReport(self.synced + other.synced, self.failures + other.failures)


def sync_rows(request: SyncRequest, pks: Sequence[Any]) -> SyncReport:
    """Sends the state of rows, some hundreds in a transaction.

    Within a transaction of the caller, messages of rows that it has changed itself are recorded
    at its end, and count as synced.

    Args:
        request: what is to be sent.
        pks: keys of the rows.

    Raises:
        OperationalError: the database is away; the rows before are sent.
    """
    report = SyncReport()
    if not request.model.CQRS_PRODUCE:
        return report
    for chunk in chunks(pks):
        report += persistently(request.using, partial(_sync, request, chunk))
        reach("sync.chunk")
    return report


def above_all(model: Any, using: str) -> int:
    """A number that no replica's revision of this model should have reached."""
    rows = model._base_manager.using(using)
    return (rows.aggregate(highest=Max("cqrs_revision"))["highest"] or 0) + MARGIN


def _sync(request: SyncRequest, pks: list[Any]) -> SyncReport:
    """Sends a chunk; where that fails it is split until the culprits stand alone."""
    try:
        return _send(request, pks)
    except Exception as error:
        if is_about_connection(error, request.using):
            raise
        if len(pks) == 1:
            return SyncReport(failures=[SyncFailure(pks[0], error)])
    middle = len(pks) // 2
    return _sync(request, pks[:middle]) + _sync(request, pks[middle:])


def _send(request: SyncRequest, pks: list[Any]) -> SyncReport:
    """Sends all or raises. What the broker does not take after the commit is in the report."""
    with undelivered.collected() as lost, transaction.atomic(using=request.using):
        if request.raise_above is not None:
            _raise_revisions(request, pks, request.raise_above)
        count = _record(request, pks)
    failures = [SyncFailure(each.payload.pk, each.error) for each in lost]
    return SyncReport(count - len(failures), failures)


def _record(request: SyncRequest, pks: list[Any]) -> int:
    """How many messages were or will be recorded: rows that exist and ``is_sync_instance``."""
    now: list[Mark] = []
    later: list[Mark] = []
    for pk in pks:
        mark = Mark(Change.SYNC, request.model, pk, request.using, queue=request.queue)
        # What the caller's transaction has changed may change again before its end.
        is_changed = marking.is_changed(request.model, pk, request.using)
        (later if is_changed else now).append(mark)
    for mark in later:
        recording.add(mark)
    return recording.record_now(now, request.using) + len(later)


def _raise_revisions(request: SyncRequest, pks: list[Any], above: int) -> None:
    rows = request.model._base_manager.using(request.using)
    # In the order of keys, as everywhere, so that two commands cannot block each other.
    locked = rows.select_for_update().filter(pk__in=pks).order_by("pk")
    rows.filter(pk__in=list(locked.values_list("pk", flat=True))).update(
        cqrs_revision=Greatest(F("cqrs_revision"), above) + 1, cqrs_updated=timezone.now()
    )
