"""Applying messages to rows: what is news is written, what is not is left alone."""

from decimal import Decimal
from typing import Any

import pytest

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.outcome import Outcome
from tests.app.replica_models import HookedItem, Item
from tests.replica.support import delete, outcome_of, outcomes, save

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


@pytest.fixture(params=["item", "hooked_item"])
def cqrs_id(request: pytest.FixtureRequest) -> str:
    """The same for the bulk path and for the hook path."""
    HookedItem.calls.clear()
    HookedItem.explosive.clear()
    return str(request.param)


@pytest.fixture
def model(cqrs_id: str) -> type[Item] | type[HookedItem]:
    """The model of the path."""
    return Item if cqrs_id == "item" else HookedItem


def test_a_save_creates_the_row(model: Any, cqrs_id: str) -> None:
    assert outcomes(save(0, cqrs_id=cqrs_id, name="first", price=1.5)) == [Outcome.APPLIED]

    row = model.objects.get()
    assert (row.pk, row.name, row.price, row.cqrs_revision) == (1, "first", Decimal("1.5"), 0)
    assert (row.rating, row.seen) == (7, False)


def test_a_batch_ends_in_the_last_state_of_every_row(model: Any, cqrs_id: str) -> None:
    batch = [
        save(1, cqrs_id=cqrs_id, pk=1, name="one"),
        save(0, cqrs_id=cqrs_id, pk=1, name="late"),
        save(0, cqrs_id=cqrs_id, pk=2, name="two"),
        delete(1, cqrs_id=cqrs_id, pk=2),
        delete(4, cqrs_id=cqrs_id, pk=3),
        save(5, cqrs_id=cqrs_id, pk=3, name="three"),
        save(5, cqrs_id=cqrs_id, pk=3, name="again"),
    ]

    results = outcome_of(batch, apply_batch(batch))

    names = [outcome.value for outcome in results]
    assert names == ["applied", "stale", "applied", "applied", "applied", "applied", "duplicate"]
    assert dict(model.objects.values_list("pk", "name")) == {1: "one", 3: "three"}
    assert LedgerEntry.objects.filter(is_deleted=True).values_list("row_pk").get() == ("2",)
    assert not ParkedMessage.objects.exists()


def test_local_columns_are_kept_by_updates_and_start_anew_with_a_new_row(
    model: Any, cqrs_id: str
) -> None:
    outcomes(save(0, cqrs_id=cqrs_id, name="a"))
    model.objects.update(rating=1, seen=True)

    outcomes(save(1, cqrs_id=cqrs_id, name="b"))
    assert model.objects.values_list("rating", "seen").get() == (1, True)

    apply_batch([delete(2, cqrs_id=cqrs_id), save(3, cqrs_id=cqrs_id, name="c")])
    assert model.objects.values_list("rating", "seen").get() == (7, False)


def test_a_nullable_field_that_is_not_sent_keeps_its_value(model: Any, cqrs_id: str) -> None:
    outcomes(save(0, cqrs_id=cqrs_id, name="a", note="kept"))
    outcomes(save(1, cqrs_id=cqrs_id, name="b"))
    assert model.objects.get().note == "kept"

    apply_batch(
        [save(2, cqrs_id=cqrs_id, name="c", note="new"), save(3, cqrs_id=cqrs_id, name="d")]
    )
    assert model.objects.values_list("name", "note").get() == ("d", "new")


def test_a_row_from_before_the_ledger_counts_with_its_own_revision(
    model: Any, cqrs_id: str
) -> None:
    model.objects.create(id=1, name="there", cqrs_revision=5, cqrs_updated="2026-01-01T00:00:00Z")

    results = outcomes(
        save(4, cqrs_id=cqrs_id, name="older"),
        save(6, cqrs_id=cqrs_id, name="newer"),
    )

    assert results == [Outcome.STALE, Outcome.APPLIED]
    assert model.objects.get().name == "newer"
