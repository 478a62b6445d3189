"""Messages that a consumer cannot understand: W22 and W23 of the list of pitfalls."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import ledger
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import REASON_HEADER
from local_stack.waiting import eventually
from tests.app.replica_models import Item
from tests.expectations import expect_equal
from tests.pitfalls.consuming import (
    letters,
    names,
    note,
    on_rabbitmq,
    publish,
    publish_on_rabbitmq,
)
from tests.replica.bodies import BROKEN, HOPELESS, RETRIED, body
from tests.replica.killing import work_until_done
from tests.replica.support import MONOTONIC, delete, save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("memory_broker")]


# W22: one body kills all workers


def test_w22_no_body_kills_a_worker_or_is_lost(run_worker: Callable[..., Worker]) -> None:
    poison = [*HOPELESS.values(), *RETRIED.values()]
    run_worker(InboxApplier())

    for number, each in enumerate(poison, start=10):
        publish(RawMessage(each, "item", MONOTONIC), save(0, pk=number, name="neighbour"))

    def check() -> None:
        assert Item.objects.filter(name="neighbour").count() == len(poison)
        assert ParkedMessage.objects.count() == len(poison)

    eventually(check)


def test_w22_nor_without_an_inbox(run_worker: Callable[..., Worker]) -> None:
    poison = list(BROKEN.values())
    run_worker(PlainApplier())

    for each in poison:
        publish(RawMessage(each, "notifier", {}), note("neighbour"))

    def check() -> None:
        assert names() == ["neighbour"] * len(poison)
        assert [letter.body for letter in letters()] == poison
        assert all(letter.headers[REASON_HEADER] for letter in letters())

    eventually(check)


def test_w22_a_message_without_expiry_is_fine_on_a_service_that_is_no_master(
    run_worker: Callable[..., Worker], settings: Any
) -> None:
    settings.CQRS = {key: value for key, value in settings.CQRS.items() if key != "master"}
    run_worker(InboxApplier())

    publish(RawMessage(body(expires=...), "item", {}))

    eventually(lambda: Item.objects.get(name="fine"))


# W23: dropped with only a log line

DROPPED = {
    "unparseable": b"\xff",
    "a key is missing": body(instance_data=...),
    "unknown cqrs_id": body(cqrs_id="of_tomorrow"),
}


@pytest.mark.parametrize("name", DROPPED)
def test_w23_what_nobody_understands_is_kept(name: str, run_worker: Callable[..., Worker]) -> None:
    run_worker(InboxApplier())

    publish(RawMessage(DROPPED[name], "item", {}))

    parked = eventually(ParkedMessage.objects.get)
    assert bytes(parked.body) == DROPPED[name]
    assert parked.reason


@pytest.mark.parametrize("name", DROPPED)
def test_w23_nor_is_it_dropped_without_an_inbox(
    name: str, run_worker: Callable[..., Worker]
) -> None:
    run_worker(PlainApplier())

    publish(RawMessage(DROPPED[name], "notifier", {}))

    eventually(lambda: expect_equal([letter.body for letter in letters()], [DROPPED[name]]))
    assert letters()[0].headers[REASON_HEADER]


def test_w23_nor_on_a_real_broker(settings: Any, rabbitmq_url: str) -> None:
    on_rabbitmq(settings, rabbitmq_url)
    publish_on_rabbitmq(*(RawMessage(each, "notifier", {}) for each in DROPPED.values()))
    dead_letters = RabbitMQTransport.dead_letters()

    def is_done() -> bool:
        return dead_letters.count() == len(DROPPED)

    assert work_until_done(PlainApplier, is_done, 1, RabbitMQTransport.consumer) == 0

    kept = list(dead_letters.browse())
    dead_letters.close()
    assert [letter.body for letter in kept] == list(DROPPED.values())
    assert all(letter.headers[REASON_HEADER] for letter in kept)


def test_w23_a_message_of_an_unknown_model_holds_the_tombstone_of_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dj_cqrs.registries import ReplicaRegistry

    apply_batch([save(0, name="x")])
    apply_batch([delete(2)])
    with monkeypatch.context() as patch:
        patch.delitem(ReplicaRegistry.models, "item")
        apply_batch([save(1, name="late")])
    parked = ParkedMessage.objects.get()
    assert (parked.cqrs_id, parked.row_pk) == ("item", "1")

    LedgerEntry.objects.update(changed_at=timezone.now() - timedelta(days=1000))
    assert ledger.prune_tombstones(1, "default") == 0
