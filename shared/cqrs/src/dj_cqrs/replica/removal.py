"""Removing rows that the master no longer has, whose DELETE was lost.

They go through the model's hooks under the ledger's lock, as if the DELETE had come now; what it
leaves behind is a tombstone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import router, transaction

from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC, SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.replica import database, hooks, mapping
from dj_cqrs.replica.message import Message, RawMessage, from_payload, key_text
from dj_cqrs.replica.outcome import Outcome, Result, done, failed
from dj_cqrs.replica.revision import LocalState
from dj_cqrs.replica.writers import HookWriter

_CHUNK_SIZE: Final = 500
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Gone:
    """A row that the master does not have; with the revision of its DELETE, if that is known."""

    pk: Any
    revision: int | None = None


@dataclass(slots=True)
class Removal:
    """What became of the rows; the others were gone here too, or have changed meanwhile."""

    removed: int = 0
    failures: Sequence[Result] = ()

    def add(self, results: list[Result]) -> None:
        """Counts more of them."""
        self.removed += sum(result.outcome is Outcome.APPLIED for result in results)
        self.failures = [*self.failures, *(result for result in results if result.failed)]


def remove(model: Any, rows: Sequence[Gone], *, listed_at: datetime) -> Removal:
    """Removes rows, unless something came for them after they were listed.

    Args:
        model: the replica model.
        rows: keys as on the wire.
        listed_at: when this replica listed them, by its own clock.
    """
    removal = Removal()
    if model.CQRS_NO_DB_OPERATIONS:
        removal.add([_call_hook(model, row, listed_at) for row in rows])
        return removal
    for start in range(0, len(rows), _CHUNK_SIZE):
        removal.add(_remove_chunk(model, rows[start : start + _CHUNK_SIZE], listed_at))
    return removal


def _remove_chunk(model: Any, rows: Sequence[Gone], listed_at: datetime) -> list[Result]:
    """Tries again where other transactions are in the way."""
    for number in range(1, _TRIES):
        try:
            return _remove_together(model, rows, listed_at)
        except Exception as error:
            if not database.is_conflict(error):
                raise
        database.pause_before_retry(number)
    return _remove_together(model, rows, listed_at)


def _remove_together(model: Any, rows: Sequence[Gone], listed_at: datetime) -> list[Result]:
    from dj_cqrs.replica import drift, ledger, overtaken
    from dj_cqrs.replica.apply import Attempt, apply

    using = router.db_for_write(model)
    # Locking a key leaves an entry in the ledger, so those of nobody are sorted out before.
    present = set(drift.present(model, [row.pk for row in rows], using))
    by_key = {key_text(model, row.pk): row for row in rows if row.pk in present}
    with transaction.atomic(using=using):
        known = ledger.lock(model, by_key, using)
        applied_at = ledger.applied_at(model, by_key, using)
        older = {
            row_pk: state
            for row_pk, state in known.items()
            if state is not None and _is_older(state, applied_at.get(row_pk), listed_at)
        }
        messages = [
            _message(model, by_key[row_pk], state)
            for row_pk, state in older.items()
            if not state.is_deleted
        ]
        leftovers = [
            _message(model, by_key[row_pk], state)
            for row_pk, state in older.items()
            if state.is_deleted
        ]
        # The time of such a DELETE is the row's own: what points to it is often newer.
        attempt = Attempt(using, takes_newer=True)
        results = apply(messages, attempt) + [_clear(each, using) for each in leftovers]
        overtaken.drop(overtaken.changed_keys(results), using)
        return results


def _clear(message: Message, using: str) -> Result:
    """Removes a row beside its own tombstone, which somebody must have put there; that stays."""
    try:
        HookWriter(using).write(message)
    except Exception as error:
        if database.is_conflict(error) or database.is_lost(using):
            raise
        return failed(message, error)
    return done(message, Outcome.APPLIED)


def _is_older(state: LocalState, applied_at: datetime | None, listed_at: datetime) -> bool:
    """Whether nothing came since. Both clocks are this replica's, where the ledger knows."""
    return (applied_at or state.master_updated_at) < listed_at


def _message(model: Any, row: Gone, state: LocalState) -> Message:
    """The DELETE that was lost, as near as it can be told.

    Its revision is above all that came, and not above that of a row which uses the key again: that
    one goes on after the true DELETE. Its time is the row's own, so that a clock that goes fast
    here does not outdate that row either.
    """
    revision = max(state.revision + 1, row.revision or 0)
    headers = {REVISIONS_HEADER: REVISIONS_MONOTONIC} if state.is_monotonic else {}
    return _delete(model, row.pk, revision, state.master_updated_at, headers)


def _delete(
    model: Any, pk: Any, revision: int, updated_at: datetime, headers: dict[str, Any]
) -> Message:
    data = {"id": pk, "cqrs_revision": revision, "cqrs_updated": str(updated_at)}
    payload = TransportPayload(SignalType.DELETE, model.CQRS_ID, data, pk, correlation_id="")
    return from_payload(payload, RawMessage(b"", model.CQRS_ID, headers))


def _call_hook(model: Any, row: Gone, listed_at: datetime) -> Result:
    """A model without database operations has no ledger: its hook alone knows what there is."""
    message = _delete(model, row.pk, row.revision or 0, mapping.to_aware(listed_at), {})
    try:
        hooks.call(message)
    except Exception as error:  # noqa: BLE001  hooks raise what they like
        return failed(message, error)
    return done(message, Outcome.APPLIED)
