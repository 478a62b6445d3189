"""Replica models on several databases: each has its own inbox, and one batch serves all."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import ledger, overtaken, parking
from dj_cqrs.replica.batch import aliases, apply_batch, park_suspect
from dj_cqrs.replica.message import Row
from dj_cqrs.replica.with_inbox import InboxApplier
from tests.app.replica_models import HookedItem, Item
from tests.replica.support import delete, save

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


class ItemsElsewhere:
    """Routes the hooked items to the second database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "second" if model is HookedItem else None

    db_for_write = db_for_read


@pytest.fixture(autouse=True)
def _routed(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.replica.test_databases.ItemsElsewhere"]


@pytest.fixture
def both() -> Callable[..., list[Any]]:
    def make(message: Any, revision: int, **kwargs: Any) -> list[Any]:
        return [message(revision, cqrs_id=each, **kwargs) for each in ("item", "hooked_item")]

    return make


def test_rows_and_ledgers_are_kept_where_the_model_lives(both: Callable[..., Any]) -> None:
    assert aliases() == ["default", "second"]

    apply_batch([*both(save, 0, name="x"), *both(save, 1, pk=2, name="y"), *both(delete, 1)])

    assert list(Item.objects.using("default").values_list("pk", flat=True)) == [2]
    assert list(HookedItem.objects.using("second").values_list("pk", flat=True)) == [2]
    assert not HookedItem.objects.using("default").exists()
    for alias, cqrs_id in (("default", "item"), ("second", "hooked_item")):
        entries = LedgerEntry.objects.using(alias).filter(cqrs_id=cqrs_id)
        assert entries.count() == LedgerEntry.objects.using(alias).count() == 2


def test_failures_are_parked_and_retried_where_the_model_lives() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="bomb"), save(0, name="fine")])
    parked = ParkedMessage.objects.using("second")
    assert parked.count() == 1
    assert not ParkedMessage.objects.using("default").exists()

    HookedItem.explosive.clear()
    parked.update(due_at=timezone.now())
    InboxApplier().do_chores()

    assert HookedItem.objects.using("second").get().name == "bomb"
    assert not parked.exists()


def test_a_suspect_is_kept_beside_the_tombstone_that_it_must_meet() -> None:
    apply_batch([delete(1, cqrs_id="hooked_item")])
    killer = save(0, cqrs_id="hooked_item", name="killer")
    park_suspect(killer, RuntimeError("it may have killed"), deaths=2)

    assert ParkedMessage.objects.using("second").exists()
    assert ledger.prune_tombstones(-1, "second") == 0


def test_an_overtaken_message_that_is_kept_elsewhere_than_its_row_is_found() -> None:
    """Its model was not known when it came, so that it is in the inbox of no known model."""
    parking.park_due(save(0, cqrs_id="hooked_item"), Row("hooked_item", "1"), "default")
    parking.park_due(save(5, cqrs_id="hooked_item"), Row("hooked_item", "1"), "default")
    apply_batch([delete(1, cqrs_id="hooked_item")])
    assert ParkedMessage.objects.using("default").count() == 2

    for _ in overtaken.sweep("default"):
        pass

    assert ParkedMessage.objects.using("default").count() == 1
