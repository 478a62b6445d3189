"""What a replica keeps no longer than it must: dead letters, and tombstones after them."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from dj_cqrs import conf
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import ledger, overtaken
from dj_cqrs.replica.batch import aliases

logger = logging.getLogger("django-cqrs")

#: Between two rounds, and before the first one: what the broker gives back to a service that was
#: away for months has found its tombstones by then.
INTERVAL_SECONDS: Final = 600.0
_MAX_REMOVED_AT_ONCE: Final = 1000


class Retention:
    """Goes through the inboxes now and then, a bounded piece of work at a time."""

    def __init__(self) -> None:
        self._next_round_at = time.monotonic() + INTERVAL_SECONDS
        self._round: Iterator[None] | None = None

    def work_if_due(self) -> None:
        """One piece of the round that is due, if one is.

        Raises:
            DatabaseError: a database does not take it now; the next round begins anew.
        """
        if self._round is None:
            if time.monotonic() < self._next_round_at:
                return
            self._round = clean()
        try:
            next(self._round)
        except BaseException as error:
            self._round = None
            self._next_round_at = time.monotonic() + INTERVAL_SECONDS
            if not isinstance(error, StopIteration):
                raise


def clean() -> Iterator[None]:
    """One round; pauses after each piece. Letters first: tombstones stay as long as they do."""
    for using in aliases():
        yield from overtaken.sweep(using)
        while remove_expired(using):
            yield
        while ledger.prune_tombstones(conf.config().replica.tombstone_ttl_seconds, using):
            yield


def remove_expired(using: str) -> int:
    """Removes dead letters that nobody has retried for so long as ``dead_message_ttl`` says.

    Returns:
        How many were removed; a bounded number, so call it again another time.
    """
    ttl_seconds = conf.config().replica.dead_message_ttl_seconds
    if ttl_seconds is None:
        return 0
    old = ParkedMessage.objects.using(using).filter(
        status=ParkedMessage.Status.DEAD,
        changed_at__lt=timezone.now() - timedelta(seconds=ttl_seconds),
    )
    found: dict[str, list[int]] = {}
    for pk, cqrs_id in old.order_by("pk").values_list("pk", "cqrs_id")[:_MAX_REMOVED_AT_ONCE]:
        found.setdefault(cqrs_id or "undecodable", []).append(pk)
    return sum(_remove(cqrs_id, old.filter(pk__in=pks)) for cqrs_id, pks in found.items())


def _remove(cqrs_id: str, old: "QuerySet[ParkedMessage]") -> int:
    """Removes letters of one model; not what somebody has retried meanwhile."""
    count = old.delete()[0]
    logger.warning(
        "CQRS dead letters expired: %s of %s were removed after dead_message_ttl. "
        "If their rows differ, cqrs_sync or the diff commands bring their state.",
        *(count, cqrs_id),
    )
    return count
