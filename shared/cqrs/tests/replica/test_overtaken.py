"""What something newer has overtaken is not kept: it would only say what a row was once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dj_cqrs.controller import consumer
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import overtaken, parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage, Row
from dj_cqrs.replica.removal import Gone, remove
from tests.app.replica_models import HookedItem, Item, Notifier
from tests.replica.parked import Status
from tests.replica.support import delete, raw, save, sync

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "Ms Marker"


def die(*messages: RawMessage) -> None:
    """They fail, and there they stay."""
    apply_batch([*messages])
    ParkedMessage.objects.update(status=Status.DEAD, due_at=None)


def left() -> list[bytes]:
    return [bytes(body) for body in ParkedMessage.objects.values_list("body", flat=True)]


def secrets() -> int:
    return sum(SECRET.encode() in body for body in left())


@pytest.mark.parametrize("status", [Status.DEAD, Status.RETRYING, Status.WAITING])
def test_a_delete_takes_what_is_parked_of_its_row_with_it(status: str) -> None:
    die(save(0, name="x", price=SECRET), save(1, name="x", price=SECRET))
    die(save(0, pk=2, name="x", price="another"))
    ParkedMessage.objects.update(status=status)

    apply_batch([delete(2)])

    assert secrets() == 0
    assert len(left()) == 1


def test_so_does_a_delete_that_goes_through_hooks() -> None:
    HookedItem.explosive.add(SECRET)
    die(save(0, cqrs_id="hooked_item", name=SECRET))

    apply_batch([delete(1, cqrs_id="hooked_item")])

    assert not left()


def test_a_correction_takes_what_was_wrong_with_it() -> None:
    die(save(0, name="x", price=SECRET))

    apply_batch([save(1, name="y", price="1.5")])

    assert not left()


def test_what_fails_beside_the_message_that_overtakes_it_is_not_kept() -> None:
    apply_batch([save(0, name="x", price=SECRET), delete(1)])

    assert not left()


def test_what_is_newer_than_the_delete_stays() -> None:
    """The key is in use again, and the row of it could not be applied yet."""
    die(save(5, name="x", price="not yet"))

    apply_batch([delete(4)])

    assert len(left()) == 1


def test_a_sync_that_would_repair_the_row_stays() -> None:
    die(sync(1, name="x", price="cheap"))

    apply_batch([save(1, name="x", price="1.5")])

    assert len(left()) == 1


def test_what_cannot_be_judged_stays() -> None:
    die(raw("SAVE", 0, name="x"))  # applied
    unreadable = RawMessage(save(0, name=SECRET).body.replace(b'"SAVE"', b'"SAFE"'), "item", {})
    parking.park_due(unreadable, Row("item", "1"), "default")

    apply_batch([delete(3)])

    assert secrets() == 1


def test_a_delete_that_fails_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    HookedItem.explosive.add("bomb")
    die(save(0, cqrs_id="hooked_item", name="bomb"))
    monkeypatch.setattr(HookedItem, "cqrs_delete", classmethod(lambda cls, data, **_: False))

    apply_batch([delete(1, cqrs_id="hooked_item")])

    assert len(left()) == 2
    assert HookedItem.calls


def test_with_the_key_of_another_model_nothing_happens() -> None:
    HookedItem.explosive.add("bomb")
    die(save(0, cqrs_id="hooked_item", name="bomb"))

    apply_batch([delete(9), save(0, pk=2, name="x")])

    assert len(left()) == 1


def test_messages_of_a_model_without_database_stay() -> None:
    """Each is an event of its own, and nothing is remembered of its row."""
    die(save(0, cqrs_id="notifier", name="explode"))

    apply_batch([delete(1, cqrs_id="notifier")])

    assert len(left()) == 1
    assert Notifier.received


def test_a_row_that_a_diff_removes_takes_them_with_it() -> None:
    apply_batch([save(0, name="x")])
    die(save(1, name="x", price=SECRET))

    remove(Item, [Gone(1, 2)], listed_at=timezone.now() + timedelta(minutes=1))

    assert not Item.objects.exists()
    assert not left()


def test_so_does_a_message_that_is_consumed_in_process() -> None:
    die(save(0, name="x", price=SECRET))
    data: dict[str, Any] = {"id": 1, "cqrs_revision": 1, "cqrs_updated": "2026-01-02 00:00:00Z"}

    consumer.consume(TransportPayload("DELETE", "item", data, 1))

    assert not left()


def test_where_nothing_is_parked_it_costs_one_statement_a_batch() -> None:
    apply_batch([save(0, pk=pk, name="x") for pk in range(50)])
    with CaptureQueriesContext(connection) as queries:
        apply_batch([save(1, pk=pk, name="y") for pk in range(50)])
    assert sum("cqrs_inbox_parkedmessage" in query["sql"] for query in queries) == 1

    with CaptureQueriesContext(connection) as queries:
        apply_batch([save(1, pk=pk, name="y") for pk in range(50)])
    assert sum("cqrs_inbox_parkedmessage" in query["sql"] for query in queries) == 0


def test_what_was_discarded_while_a_worker_tried_it_does_not_come_back() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="bomb")])
    ParkedMessage.objects.update(due_at=timezone.now())
    (claimed,) = parking.claim_due(10, "default")
    ParkedMessage.objects.all().delete()

    apply_batch([RawMessage.from_parked(claimed)])

    assert not left()


def test_a_sweep_finds_what_was_overtaken_before_or_behind_its_back() -> None:
    """Another worker's failure, committed right after the delete had looked."""
    apply_batch([save(3, name="x"), delete(4), save(1, pk=2, name="x")])
    for message in (save(2, name="x", price=SECRET), save(1, pk=2, name="x", price=SECRET)):
        die_late(message)
    die_late(save(2, pk=2, name="x", price="newer than the row"))
    die_late(save(0, cqrs_id="notifier", name="an event"), cqrs_id="notifier")
    die_late(save(0, cqrs_id="unknown", name="x"), cqrs_id="unknown")
    assert len(left()) == 5

    for _ in overtaken.sweep("default"):
        pass

    assert secrets() == 0
    assert len(left()) == 3


def test_a_sweep_opens_only_bodies_that_something_came_after() -> None:
    apply_batch([save(3, name="x")])
    LedgerEntry.objects.update(changed_at=timezone.now() - timedelta(hours=2))
    die_late(save(4, name="x", price="newer"))

    with CaptureQueriesContext(connection) as queries:
        for _ in overtaken.sweep("default"):
            pass

    assert not any('"body"' in query["sql"] or "`body`" in query["sql"] for query in queries)
    assert len(left()) == 1


def test_a_sweep_goes_through_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overtaken, "_PAGE_SIZE", 2)
    apply_batch([delete(4, pk=pk) for pk in range(5)])
    for pk in range(5):
        die_late(save(2, pk=pk, name="x", price=SECRET))

    pages = sum(1 for _ in overtaken.sweep("default"))

    assert (pages, left()) == (3, [])


def die_late(message: RawMessage, cqrs_id: str = "item") -> None:
    """Put there without a look at what is known of the row."""
    pk = message.body.split(b'"instance_pk":')[1].split(b",")[0].decode()
    parking.park_due(message, Row(cqrs_id, pk), "default")
    ParkedMessage.objects.update(status=Status.DEAD, due_at=None)
