"""Messages that could not be applied: kept in the inbox, tried when due, at last dead letters.

No message is held unacked or in memory for that, so that a crash loses none and delays no other.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import Error, connections, models, transaction
from django.utils import timezone

from dj_cqrs.fail_points import reach
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.privacy import telling
from dj_cqrs.replica import log, retry
from dj_cqrs.replica.message import TRUSTED_MARK, RawMessage, Row
from dj_cqrs.replica.outcome import Result
from dj_cqrs.replica.planning import plan_for
from dj_cqrs.signing import messages as signing

#: For that long nobody else tries a message that a worker has claimed. A worker that needs more
#: time is harmless: the ledger keeps the second one waiting, and then it finds a duplicate.
LEASE_SECONDS: Final = 60
_MAX_REASON_LENGTH: Final = 2_000
_MAX_TRACEBACK_LENGTH: Final = 20_000

_FATES: Final = {
    retry.Fate.RETRY: ParkedMessage.Status.RETRYING,
    retry.Fate.WAIT: ParkedMessage.Status.WAITING,
    retry.Fate.DEAD: ParkedMessage.Status.DEAD,
}
#: What a failed attempt changes.
_FATE_FIELDS: Final = (
    *("status", "due_at", "attempts", "deaths", "claimed_at", "waits_for"),
    *("cqrs_id", "row_pk", "reason", "traceback"),
)


def settle(results: Sequence[Result], using: str) -> None:
    """Keeps what failed and drops parked messages that are done, in the caller's transaction."""
    fresh = []
    for result in results:
        parked = result.raw.parked
        if not result.failed:
            if parked is not None:
                ParkedMessage.objects.using(_alias(parked, using)).filter(pk=parked.pk).delete()
        elif parked is None:
            fresh.append(_fill(_new(result.raw), result, using))
        else:
            _keep_on(_fill(parked, result, using), _alias(parked, using))
    ParkedMessage.objects.using(using).bulk_create(fresh)
    if any(result.failed for result in results):
        reach("consumer.parked")


def claim_due(limit: int, using: str) -> list[ParkedMessage]:
    """Takes due messages; the attempt counts from now on, as one that killed its worker.

    One that was claimed before and never settled is a suspect: it comes alone.
    """
    due = ParkedMessage.objects.using(using).filter(due_at__lte=timezone.now())
    if not due.exists():
        return []  # cheaper than a transaction, which on SQLite would keep others from writing
    if connections[using].features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    with transaction.atomic(using=using):
        rows = _one_suspect_or_no(list(due.order_by("due_at", "pk")[:limit]))
        now = timezone.now()
        ParkedMessage.objects.using(using).filter(pk__in=[row.pk for row in rows]).update(
            attempts=models.F("attempts") + 1,
            deaths=models.F("deaths") + 1,
            claimed_at=now,
            due_at=now + timedelta(seconds=LEASE_SECONDS),
        )
    for row in rows:
        row.attempts += 1
        row.deaths += 1
    return rows


def park_suspect(result: Result, deaths: int, using: str) -> None:
    """Keeps a message that may have killed so many workers: it is tried alone, and counted."""
    parked = _fill(_new(result.raw), result, using)
    parked.deaths = deaths
    parked.claimed_at = timezone.now()
    parked.save(using=using)


def refusal(using: str) -> Error | None:
    """Why the inbox takes nothing at all (full disk, standby, no table), or None if it does."""
    if connections[using].in_atomic_block:
        return None
    try:
        with transaction.atomic(using=using):
            ParkedMessage(status=ParkedMessage.Status.DEAD, reason="probe").save(using=using)
            transaction.set_rollback(True, using=using)
    except Error as error:
        return error
    return None


def wake(names: Collection[str], using: str) -> None:
    """Makes due what waits for rows that have just arrived (names: ``cqrs_id/key``)."""
    waiting = ParkedMessage.objects.using(using).filter(
        status=ParkedMessage.Status.WAITING, waits_for__in=names, claimed_at=None
    )
    if not waiting.exists():
        return
    if connections[using].features.has_select_for_update_skip_locked:
        # What another worker is trying right now is not waited for: two could block each other.
        waiting = waiting.select_for_update(skip_locked=True)
    pks = list(waiting.values_list("pk", flat=True))
    ParkedMessage.objects.using(using).filter(pk__in=pks).update(due_at=timezone.now())


def park_due(raw: RawMessage, row: Row | None, using: str) -> None:
    """Keeps a message that has not failed here yet (None: it cannot be read); due at once."""
    parked = _new(raw)
    _say_what_it_is_about(parked, row)
    _say_whether_it_is_trusted(parked, is_trusted=raw.is_trusted)
    parked.status = ParkedMessage.Status.RETRYING
    parked.attempts = 0
    parked.due_at = timezone.now()
    parked.reason = "was a dead letter of the broker"
    parked.save(using=using)


def retry_now(messages: "models.QuerySet[ParkedMessage]", body: bytes | None = None) -> int:
    """Makes parked messages or dead letters due, with all their attempts before them again.

    Args:
        messages: which ones.
        body: what they say from now on; None for what they say already.
    """
    changes = {} if body is None else {"body": body}
    return messages.update(
        status=ParkedMessage.Status.RETRYING,
        due_at=timezone.now(),
        attempts=0,
        deaths=0,
        claimed_at=None,
        **changes,
    )


def discard(messages: "models.QuerySet[ParkedMessage]") -> int:
    """Drops messages for good."""
    return messages.delete()[0]


def _one_suspect_or_no(rows: list[ParkedMessage]) -> list[ParkedMessage]:
    innocent = [row for row in rows if row.claimed_at is None]
    return innocent or rows[:1]


def _keep_on(parked: ParkedMessage, using: str) -> None:
    """Writes its fate, unless somebody has removed it meanwhile: that must not bring it back."""
    changes = {name: getattr(parked, name) for name in _FATE_FIELDS}
    rows = ParkedMessage.objects.using(using).filter(pk=parked.pk)
    rows.update(**changes, changed_at=timezone.now())


def _alias(parked: ParkedMessage, using: str) -> str:
    return parked._state.db or using


def _new(raw: RawMessage) -> ParkedMessage:
    return ParkedMessage(
        attempts=1,
        routing_key=storable(raw.routing_key)[:255],
        headers=_plain_headers(raw.headers),
        body=raw.body,
    )


def _say_what_it_is_about(parked: ParkedMessage, row: Row | None) -> None:
    if row is not None:
        parked.cqrs_id, parked.row_pk = storable(row.cqrs_id)[:200], storable(row.row_pk)[:255]


def _say_whether_it_is_trusted(parked: ParkedMessage, *, is_trusted: bool) -> None:
    """So that a key may go while messages that it signed still wait here.

    A dead letter of a wrong signature has no mark: it is judged again when somebody retries it.
    """
    if is_trusted and signing.keys() is not None:
        parked.headers = {**parked.headers, TRUSTED_MARK: True}


def _fill(parked: ParkedMessage, result: Result, using: str) -> ParkedMessage:
    """Writes down why it failed and what is to happen next."""
    now = timezone.now()
    is_new = parked.pk is None
    waited_seconds = 0.0 if is_new else (now - parked.parked_at).total_seconds()
    plan = plan_for(result, attempts=parked.attempts, waited_seconds=waited_seconds)
    if plan.fate is retry.Fate.WAIT:
        parked.attempts -= 1  # that its parent is not here yet is not its fault
    is_dead = plan.fate is retry.Fate.DEAD
    parked.deaths = max(parked.deaths - 1, 0)  # the attempt in hand did not kill
    parked.status = _FATES[plan.fate]
    parked.due_at = None if is_dead else now + timedelta(seconds=plan.delay_seconds)
    parked.claimed_at = None
    parked.waits_for = result.waits_for
    _say_what_it_is_about(parked, result.row)
    _say_whether_it_is_trusted(parked, is_trusted=result.is_trusted)
    parked.reason = storable(log.reason_of(result))[:_MAX_REASON_LENGTH]
    parked.traceback = storable(_traceback(result))[-_MAX_TRACEBACK_LENGTH:]
    attempts = parked.attempts
    transaction.on_commit(lambda: log.failed(result, plan, attempts), using=using, robust=True)
    return parked


def _traceback(result: Result) -> str:
    if result.error is None:
        return ""
    return telling.trace(result.error, result.message.payload if result.message else None)


def _plain_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Headers as JSON; only text is of use here, and a broker's table may hold anything."""
    return {
        storable(str(name)): value if isinstance(value, bool) else storable(str(value))
        for name, value in headers.items()
        if name != TRUSTED_MARK
    }


def storable(text: str) -> str:
    """Text that every database takes: without NUL and lone surrogates, which become escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
