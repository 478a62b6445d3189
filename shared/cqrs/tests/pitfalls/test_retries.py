"""Messages that are tried again: W24 and W25 of the list of pitfalls."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dj_cqrs.exceptions import TransportError
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport.memory import broker
from local_stack.waiting import eventually
from tests.app.replica_models import HookedItem, Item, Notifier
from tests.expectations import expect, expect_equal
from tests.pitfalls.consuming import Status, letters, names, note, publish, replica_settings
from tests.replica.outage import database_away
from tests.replica.support import save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("memory_broker")]


# W24: published again without a confirm


def test_w24_a_retry_that_the_broker_does_not_confirm_loses_nothing(
    run_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    replica_settings(settings, CQRS_RETRY_DELAY=0)
    fails = threading.Event()
    fails.set()

    def hook(master_data: dict[str, Any], **kwargs: Any) -> bool:
        if fails.is_set():
            broker.set_reachable(False)  # just when the retry is to be published
            raise RuntimeError("not now")
        Notifier.received.append(("save", master_data))
        return True

    monkeypatch.setattr(Notifier, "cqrs_save", hook)
    publish(note("precious"))
    worker = run_worker(PlainApplier())
    eventually(lambda: expect(worker._failures > 1))

    fails.clear()
    broker.set_reachable(True)

    eventually(lambda: expect_equal(names(), ["precious"]))
    eventually(lambda: expect(not broker.messages("replica")))
    assert not letters()


def test_w24_nor_does_a_dead_letter(
    run_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dj_cqrs.transport.memory import MemoryConsumer

    put = MemoryConsumer.dead_letter
    outages = iter(range(3))

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        if next(outages, None) is not None:
            raise TransportError("not confirmed")
        put(self, *args, **kwargs)

    monkeypatch.setattr(MemoryConsumer, "dead_letter", refuse)
    run_worker(PlainApplier())

    publish(RawMessage(b"\xff", "notifier", {}))

    eventually(lambda: expect_equal([letter.body for letter in letters()], [b"\xff"]))


# W25: a full delay queue forgets the delays


def test_w25_many_failures_keep_their_delay_and_attempts(settings: Any) -> None:
    replica_settings(settings, delay_queue_max_size=10, CQRS_RETRY_DELAY=60)
    HookedItem.explosive.add("bomb")
    before = timezone.now()

    apply_batch([save(0, cqrs_id="hooked_item", pk=pk, name="bomb") for pk in range(200)])

    assert not InboxApplier().do_chores()
    assert len({data["id"] for _, data in HookedItem.calls}) == 200
    assert len(HookedItem.calls) == 200
    assert set(ParkedMessage.objects.values_list("status", "attempts")) == {(Status.RETRYING, 1)}
    assert ParkedMessage.objects.filter(due_at__gte=before + timedelta(seconds=60)).count() == 200


def test_w25_nor_without_an_inbox(
    run_worker: Callable[..., Worker], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica_settings(settings, delay_queue_max_size=10, CQRS_RETRY_DELAY=60)
    calls: list[Any] = []

    def fail(master_data: dict[str, Any], **kwargs: Any) -> None:
        calls.append(master_data["id"])

    monkeypatch.setattr(Notifier, "cqrs_save", fail)
    run_worker(PlainApplier())

    publish(*(note("bomb", pk=pk) for pk in range(200)))

    eventually(lambda: expect_equal(sorted(calls), list(range(200))))
    eventually(lambda: expect(not broker.messages("replica")))
    assert not letters()
    assert len(broker._delayed) == 200


@pytest.mark.postgres
def test_w25_an_outage_of_the_database_uses_up_no_attempts(
    run_worker: Callable[..., Worker],
) -> None:
    worker = run_worker(InboxApplier())
    publish(save(0, pk=0, name="before"))
    eventually(lambda: expect_equal(Item.objects.count(), 1))

    with database_away():
        publish(*(save(0, pk=pk, name="meanwhile") for pk in range(1, 20)))
        eventually(lambda: expect(worker._failures >= 5))
        assert len(broker.messages("replica")) == 19  # the broker keeps them

    eventually(lambda: expect_equal(Item.objects.count(), 20))
    assert not ParkedMessage.objects.exists()
    assert not letters()
