"""The lock and the memory of every key: ``inbox.LedgerEntry``.

Whoever judges or writes a row holds its key's entry locked until COMMIT, on the bulk path, on the
hook path and for tombstones alike. Order of locking everywhere: model, then key.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import hooks, mapping
from dj_cqrs.replica.revision import LocalState

_NOTHING_SEEN = -1
_STATE_FIELDS = ("revision", "is_deleted", "master_updated_at", "is_monotonic")
_MAX_PRUNED_AT_ONCE = 1000

States = dict[str, LocalState | None]


def lock(model: Any, row_pks: Collection[str], using: str) -> States:
    """Locks keys of one model and returns what is known of them (None: nothing).

    A row that is ahead of the ledger counts with its own revision: django-cqrs filled this
    database once, or its workers still share the queue with ours. So it is where the library finds
    rows by the master's key. Elsewhere only the model's hooks know which row is meant: one with
    the same key may be another row.
    """
    keys = sorted(set(row_pks))
    states = _select_locked(model.CQRS_ID, keys, using)
    missing = [key for key in keys if key not in states]
    if missing and connections[using].features.has_select_for_update:
        _insert_placeholders(model.CQRS_ID, missing, using)
        states |= _select_locked(model.CQRS_ID, missing, using)
    states = dict.fromkeys(keys) | states
    if not hooks.is_written_by_us(model, "cqrs_save"):
        return states  # what a delete does besides changes nothing about whose key a row has
    rows = _states_of_rows(model, keys, using)
    return {key: _newest(state, rows.get(key)) for key, state in states.items()}


def known(model: Any, row_pks: Collection[str], using: str) -> States:
    """What is known of keys, without a lock; those of which nothing is are missing."""
    return _states(_entries(model.CQRS_ID, row_pks, using))


def save(model: Any, states: Mapping[str, LocalState], using: str) -> None:
    """Remembers the states of keys that the caller has locked."""
    now = timezone.now()
    entries = [
        LedgerEntry(
            cqrs_id=model.CQRS_ID,
            row_pk=row_pk,
            revision=state.revision,
            is_deleted=state.is_deleted,
            is_monotonic=state.is_monotonic,
            master_updated_at=mapping.in_own_zone(state.master_updated_at),
            changed_at=now,
        )
        for row_pk, state in sorted(states.items())
    ]
    features = connections[using].features
    by_key = features.supports_update_conflicts_with_target
    LedgerEntry.objects.using(using).bulk_create(
        entries,
        update_conflicts=True,
        unique_fields=["cqrs_id", "row_pk"] if by_key else None,
        update_fields=[*_STATE_FIELDS, "changed_at"],
    )


def applied_at(model: Any, row_pks: Collection[str], using: str) -> dict[str, datetime]:
    """When this replica last applied something to keys; those it never did are missing."""
    entries = LedgerEntry.objects.using(using).filter(
        cqrs_id=model.CQRS_ID, row_pk__in=list(row_pks), revision__gt=_NOTHING_SEEN
    )
    return {
        row_pk: mapping.to_aware(moment)
        for row_pk, moment in entries.values_list("row_pk", "changed_at")
    }


def prune_tombstones(older_than_seconds: float, using: str) -> int:
    """Forgets deletes that are so old that no message about their rows can still come.

    A key with a parked message keeps its tombstone: a dead letter has no age, and retried after
    years it must still find out that its row is gone.

    Returns:
        How many were forgotten; a bounded number, so call it again another time.
    """
    features = connections[using].features
    parked = ParkedMessage.objects.filter(cqrs_id=OuterRef("cqrs_id"), row_pk=OuterRef("row_pk"))
    old = LedgerEntry.objects.using(using).filter(
        ~Exists(parked),
        is_deleted=True,
        changed_at__lt=timezone.now() - timedelta(seconds=older_than_seconds),
    )
    if not old.exists():
        return 0
    if features.has_select_for_update_skip_locked:
        old = old.select_for_update(skip_locked=True)
    return _delete_some(old, using)


def _delete_some(old: Any, using: str) -> int:
    with transaction.atomic(using=using):
        keys = list(
            old.order_by("changed_at").values_list("cqrs_id", "row_pk")[:_MAX_PRUNED_AT_ONCE]
        )
        by_model: dict[str, list[str]] = {}
        for cqrs_id, row_pk in keys:
            by_model.setdefault(cqrs_id, []).append(row_pk)
        for cqrs_id, row_pks in by_model.items():
            LedgerEntry.objects.using(using).filter(
                cqrs_id=cqrs_id, row_pk__in=row_pks, is_deleted=True
            ).delete()
    return len(keys)


def _select_locked(cqrs_id: str, row_pks: Collection[str], using: str) -> States:
    return _states(_entries(cqrs_id, row_pks, using).select_for_update())


def _entries(cqrs_id: str, row_pks: Collection[str], using: str) -> "QuerySet[LedgerEntry]":
    entries = LedgerEntry.objects.using(using).filter(cqrs_id=cqrs_id, row_pk__in=row_pks)
    return entries.order_by("row_pk")


def _states(entries: "QuerySet[LedgerEntry]") -> States:
    rows = entries.values_list("row_pk", *_STATE_FIELDS)
    return {row_pk: _state(*fields) for row_pk, *fields in rows}


def _state(
    revision: int, is_deleted: bool, master_updated_at: Any, is_monotonic: bool
) -> LocalState | None:
    if revision == _NOTHING_SEEN:
        return None
    moment = mapping.to_aware(master_updated_at)
    return LocalState(revision, is_deleted, moment, is_monotonic)


def _insert_placeholders(cqrs_id: str, row_pks: Collection[str], using: str) -> None:
    """There must be a row to lock. Another worker's uncommitted insert is waited for."""
    LedgerEntry.objects.using(using).bulk_create(
        [LedgerEntry(cqrs_id=cqrs_id, row_pk=row_pk) for row_pk in row_pks], ignore_conflicts=True
    )


def _states_of_rows(model: Any, row_pks: Collection[str], using: str) -> dict[str, LocalState]:
    pk = model._meta.pk
    by_key = {}
    for row_pk in row_pks:
        try:
            by_key[mapping.to_python(pk, row_pk)] = row_pk
        except mapping.MappingError:
            continue  # this model is keyed by something else than the master's key
    if not by_key:
        return {}
    rows = model._base_manager.using(using).filter(pk__in=list(by_key))
    return {
        by_key[key]: LocalState(revision, False, mapping.to_aware(updated))
        for key, revision, updated in rows.values_list("pk", *mapping.CQRS_FIELDS)
        if key in by_key
    }


def _newest(entry: LocalState | None, row: LocalState | None) -> LocalState | None:
    if entry is None:
        return row
    if row is None:
        return entry if entry.is_deleted else replace(entry, is_row_gone=True)
    if row.revision > entry.revision:
        return replace(row, is_monotonic=entry.is_monotonic)
    return entry
