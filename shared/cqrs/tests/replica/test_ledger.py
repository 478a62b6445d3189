"""The memory of deletes is bounded: tombstones are pruned by age, live entries never."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.keys import MAX_KEY_LENGTH
from dj_cqrs.replica import ledger, parking, retention
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import Row, key_text
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.with_inbox import InboxApplier
from tests.app.replica_models import CountryCopy, HookedItem, Item, Keyed, Notifier, SelfKeyed
from tests.replica.support import at, delete, outcomes, save, sync

KEY = "9f5c1c0e-35f5-4a9f-9f43-6d8ef3f6f4bd"

pytestmark = pytest.mark.django_db(transaction=True)


def test_old_tombstones_are_pruned_and_nothing_else(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"tombstone_ttl": 3600}}
    apply_batch([save(0, pk=1, name="live"), delete(1, pk=2), delete(1, pk=3)])
    LedgerEntry.objects.filter(row_pk__in=["1", "2"]).update(
        changed_at=timezone.now() - timedelta(hours=2)
    )

    for _ in retention.clean():
        pass

    assert set(LedgerEntry.objects.values_list("row_pk", flat=True)) == {"1", "3"}


def test_after_its_tombstone_was_pruned_a_key_is_as_never_seen() -> None:
    apply_batch([delete(5)])
    assert ledger.prune_tombstones(-1, "default") == 1
    assert ledger.prune_tombstones(-1, "default") == 0

    apply_batch([save(0, name="x")])
    assert Item.objects.exists()


@pytest.mark.parametrize("status", ["dead", "retrying"])
def test_a_tombstone_outlives_the_parked_messages_of_its_row(status: str) -> None:
    apply_batch([delete(1), delete(1, pk=2)])
    # Another worker's, which it commits in the moment of the delete.
    parking.park_due(save(0, name="x"), Row("item", "1"), "default")
    ParkedMessage.objects.update(status=status)

    ledger.prune_tombstones(-1, "default")
    assert LedgerEntry.objects.get().row_pk == "1"

    ParkedMessage.objects.all().delete()
    assert ledger.prune_tombstones(-1, "default") == 1


def test_a_dead_letter_that_is_retried_late_does_not_resurrect_its_row() -> None:
    apply_batch([delete(1, cqrs_id="hooked_item")])
    late = save(0, cqrs_id="hooked_item", name="x")
    parking.park_due(late, Row("hooked_item", "1"), "default")
    ledger.prune_tombstones(-1, "default")

    parking.retry_now(ParkedMessage.objects.all())
    InboxApplier().do_chores()

    assert not HookedItem.objects.exists()
    assert not ParkedMessage.objects.exists()


def test_a_row_that_happens_to_have_the_masters_key_is_not_taken_for_the_masters_row() -> None:
    key = 1_000_000  # which no sequence of this test run has reached
    local = {"id": key, "master_id": 1, "name": "x", "cqrs_updated": at(7)}
    SelfKeyed.objects.create(**local, cqrs_revision=7)

    assert outcomes(save(0, cqrs_id="self_keyed", pk=key, name="y")) == [Outcome.APPLIED]
    assert set(SelfKeyed.objects.values_list("master_id", "name")) == {(1, "x"), (key, "y")}


def test_a_key_that_is_longer_than_its_column_is_locked_by_its_digest() -> None:
    long, other = (key_text(Notifier, "x" * 299 + end) for end in "ab")

    assert long != other
    assert len(long) == len(other) == MAX_KEY_LENGTH


@pytest.mark.parametrize(
    ("model", "pk", "expected"),
    [
        (Item, 5, "5"),
        (Item, "5", "5"),
        (Item, 5.0, "5"),
        (Item, "not its key", "not its key"),  # keyed by something else than the master's key
        (Keyed, KEY.upper(), KEY),
        (Keyed, KEY.replace("-", ""), KEY),
        (Notifier, 5, "5"),  # not a model
    ],
)
def test_a_key_has_one_text_however_a_master_writes_it(model: Any, pk: Any, expected: str) -> None:
    assert key_text(model, pk) == expected


def test_a_row_that_another_librarys_worker_took_ahead_is_not_set_back() -> None:
    """Workers of django-cqrs, which keep no ledger, may share the queue during a change-over."""
    outcomes(save(3, name="at 3"))
    Item.objects.filter(pk=1).update(name="at 7", cqrs_revision=7, cqrs_updated=at(7))

    assert outcomes(save(5, name="at 5"), delete(6)) == [Outcome.STALE, Outcome.STALE]
    assert Item.objects.get().name == "at 7"
    assert outcomes(save(8, name="at 8")) == [Outcome.APPLIED]


def test_a_key_is_used_again_after_another_librarys_worker_deleted_its_row() -> None:
    outcomes(save(3, name="old", monotonic=False))
    Item.objects.filter(pk=1).delete()

    late = save(1, name="older", monotonic=False)
    again = save(0, name="new", seconds=10, monotonic=False)

    assert outcomes(late, again) == [Outcome.STALE, Outcome.APPLIED]
    assert Item.objects.get().name == "new"


def test_a_sync_brings_back_a_row_that_was_deleted_here() -> None:
    outcomes(save(3, name="x", monotonic=False))
    Item.objects.filter(pk=1).delete()

    assert outcomes(sync(3, name="x", monotonic=False)) == [Outcome.APPLIED]
    assert Item.objects.exists()


@pytest.mark.parametrize("other", ["pl", "PL ", "Pl"])
def test_keys_that_a_database_may_take_for_one_are_two(other: str) -> None:
    """Else a save of the one lifts the tombstone of the other."""
    steps = [delete(6, cqrs_id="country", pk="PL")]
    steps += [save(0, cqrs_id="country", pk=other, code=other, name="another")]
    steps += [save(5, cqrs_id="country", pk="PL", code="PL", name="late")]

    assert outcomes(*steps) == [Outcome.APPLIED, Outcome.APPLIED, Outcome.STALE]
    assert CountryCopy.objects.get().name == "another"
    assert LedgerEntry.objects.count() == 2
