"""What a worker does on a service with the inbox: batches, and retries from the database."""

import time
from collections.abc import Sequence
from typing import Final

from django.db import InterfaceError, OperationalError

from dj_cqrs import conf
from dj_cqrs.connections import refresh_connections
from dj_cqrs.exceptions import TransientError
from dj_cqrs.replica import database, ledger, log, parking
from dj_cqrs.replica.batch import aliases, apply_batch, park_suspect
from dj_cqrs.replica.database import DatabaseAwayError
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome, Result
from dj_cqrs.transport.base import Delivery

#: Quorum queues count deliveries. A message that was delivered that often and never settled may
#: have killed the workers that had it.
SUSPECT_DELIVERIES: Final = 5
_PRUNE_INTERVAL_SECONDS: Final = 600.0


class SuspectError(TransientError):
    """Raised about a message that may have killed its workers."""


class InboxApplier:
    """Applies deliveries in batches and keeps what fails in the inbox."""

    def __init__(self) -> None:
        self._next_prune_at = 0.0

    def check_ready(self) -> None:
        """Looks whether all databases take messages.

        Raises:
            DatabaseAwayError: one does not.
        """
        for using in aliases():
            if not database.answers(using):
                raise DatabaseAwayError(f"database {using!r} does not answer")
            if refusal := parking.refusal(using):
                raise DatabaseAwayError(f"database {using!r} takes no messages: {refusal}")

    def apply(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Applies and commits; returns what the broker has to keep."""
        refresh_connections()
        by_raw: dict[int, Delivery] = {}
        raws = []
        for delivery in deliveries:
            raw = RawMessage.from_delivery(delivery)
            by_raw[id(raw)] = delivery
            raws.append(raw)
        results = apply_batch(_without_suspects(raws))
        log.settled(results)
        return [by_raw[id(result.raw)] for result in results if _is_rejected(result)]

    def do_chores(self) -> bool:
        """Tries parked messages that are due; now and then prunes tombstones."""
        refresh_connections()
        try:
            self._prune_if_due()
            more_is_due = False
            for using in aliases():
                more_is_due |= self._retry_due(using)
        except (OperationalError, InterfaceError) as error:
            raise DatabaseAwayError(str(error)) from error
        return more_is_due

    def _retry_due(self, using: str) -> bool:
        limit = conf.config().replica.batch_size
        claimed = parking.claim_due(limit, using)
        if claimed:
            log.settled(apply_batch([RawMessage.from_parked(parked) for parked in claimed]))
        return bool(claimed)

    def _prune_if_due(self) -> None:
        if time.monotonic() < self._next_prune_at:
            return
        ttl_seconds = conf.config().replica.tombstone_ttl_seconds
        if sum(ledger.prune_tombstones(ttl_seconds, using) for using in aliases()) == 0:
            self._next_prune_at = time.monotonic() + _PRUNE_INTERVAL_SECONDS


def _without_suspects(raws: Sequence[RawMessage]) -> list[RawMessage]:
    """Sets aside what may have killed its workers; it is tried later, alone, and counted."""
    trusted = []
    for raw in raws:
        count = raw.headers.get("x-delivery-count")
        if isinstance(count, int) and count >= SUSPECT_DELIVERIES:
            error = SuspectError(f"delivered {count} times before and never settled")
            park_suspect(raw, error)
        else:
            trusted.append(raw)
    return trusted


def _is_rejected(result: Result) -> bool:
    if result.outcome is not Outcome.REJECTED:
        return False
    log.rejected(result)
    return True
