"""Messages that wait, and those that kill whoever handles them: W26 of the list of pitfalls."""

from typing import Any

import pytest
from django.utils import timezone

from dj_cqrs import wire
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.settlement import DEATHS_HEADER, RetriedLater
from dj_cqrs.replica.suspects import MAX_DEATHS
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import REASON_HEADER, Delivery
from dj_cqrs.transport.memory import MemoryTransport, broker
from local_stack.waiting import eventually
from tests.app.replica_models import HookedItem, Notifier
from tests.expectations import expect_some
from tests.pitfalls.consuming import (
    Status,
    letters,
    names,
    note,
    on_rabbitmq,
    publish,
    publish_on_rabbitmq,
    replica_settings,
)
from tests.replica.killing import kill, work_until_done
from tests.replica.support import save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("memory_broker")]


# W26: held unacknowledged; a message that kills its worker goes round for ever


def test_w26_a_message_that_waits_is_not_held(settings: Any) -> None:
    replica_settings(settings, CQRS_RETRY_DELAY=0)
    publish(note("explode"))
    consumer = MemoryTransport.consumer()
    for settlement in PlainApplier().apply(consumer.receive(max_messages=9, timeout_seconds=9)):
        settlement.settle(consumer)
    consumer.close()

    (waiting,) = eventually(lambda: expect_some(broker.messages("replica")))
    assert not waiting.redelivered  # it was not given back, it had been settled
    assert waiting.routing_key == "cqrs.replica.notifier"
    assert wire.decode(waiting.body)["retries"] == 1


def test_w26_a_message_that_kills_its_workers_ends_as_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    replica_settings(settings, CQRS_RETRY_DELAY=0, CQRS_MAX_RETRIES=None)
    create = HookedItem.cqrs_create
    monkeypatch.setattr(
        HookedItem,
        "cqrs_create",
        lambda sync, data, *args, **kwargs: (
            kill() if data["name"] == "killer" else create(sync, data, *args, **kwargs)
        ),
    )
    publish(
        *(save(0, cqrs_id="hooked_item", pk=pk, name="innocent") for pk in range(5)),
        save(0, cqrs_id="hooked_item", pk=5, name="killer"),
        *(save(0, cqrs_id="hooked_item", pk=pk, name="innocent") for pk in range(6, 10)),
    )

    def is_done() -> bool:
        # Lets the time pass: a dead worker's claim is held for a while.
        ParkedMessage.objects.exclude(due_at=None).update(due_at=timezone.now())
        return (
            HookedItem.objects.filter(name="innocent").count() == 9
            and ParkedMessage.objects.filter(status=Status.DEAD).exists()
        )

    deaths = work_until_done(InboxApplier, is_done, limit=20)

    letter = ParkedMessage.objects.get()
    assert (letter.row_pk, letter.status) == ("5", Status.DEAD)
    assert "CulpritError: killed its worker 3 times" in letter.reason
    # This broker does not count: the first death, of a whole batch, is held against nobody.
    assert deaths == MAX_DEATHS + 1


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_w26_nor_with_an_inbox_on_a_real_broker(
    queue_type: str, monkeypatch: pytest.MonkeyPatch, settings: Any, rabbitmq_url: str
) -> None:
    on_rabbitmq(settings, rabbitmq_url, queue_type=queue_type, CQRS_MAX_RETRIES=None)
    monkeypatch.setattr(HookedItem, "cqrs_create", kill)
    publish_on_rabbitmq(save(0, cqrs_id="hooked_item", name="killer"))

    def is_done() -> bool:
        ParkedMessage.objects.exclude(due_at=None).update(due_at=timezone.now())
        return ParkedMessage.objects.filter(status=Status.DEAD).exists()

    deaths = work_until_done(InboxApplier, is_done, 20, RabbitMQTransport.consumer)

    letter = ParkedMessage.objects.get()
    assert "CulpritError" in letter.reason
    assert letter.deaths == deaths == MAX_DEATHS


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[RawMessage]:
    """Ten messages for the model without a database; one kills whoever handles it."""
    replica_settings(settings, CQRS_RETRY_DELAY=0, CQRS_MAX_RETRIES=None)
    receive = Notifier.cqrs_save
    monkeypatch.setattr(
        Notifier,
        "cqrs_save",
        lambda data, **kwargs: kill() if data["name"] == "killer" else receive(data, **kwargs),
    )
    return [note("killer" if pk == 5 else "innocent", pk=pk) for pk in range(10)]


def test_w26_nor_does_it_go_round_without_an_inbox(killer: list[RawMessage]) -> None:
    publish(*killer)

    deaths = work_until_done(PlainApplier, lambda: bool(letters()), limit=20)

    (letter,) = letters()
    assert wire.decode(letter.body)["instance_data"]["name"] == "killer"
    assert "CulpritError: killed its worker 3 times" in letter.headers[REASON_HEADER]
    assert DEATHS_HEADER not in letter.headers  # a retry by hand begins anew
    assert names() == ["innocent"] * 9
    assert deaths == MAX_DEATHS


def test_w26_what_was_only_behind_a_killer_is_tried_once_more_without_an_inbox() -> None:
    raw = note("innocent")
    headers = {**raw.headers, "x-delivery-count": 50}

    (settlement,) = PlainApplier().apply([Delivery(raw.body, raw.routing_key, headers, True, 1)])

    assert isinstance(settlement, RetriedLater)
    assert settlement.delivery.headers[DEATHS_HEADER] == MAX_DEATHS - 1


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_w26_nor_on_a_real_broker(
    queue_type: str, killer: list[RawMessage], settings: Any, rabbitmq_url: str
) -> None:
    on_rabbitmq(settings, rabbitmq_url, queue_type=queue_type)
    publish_on_rabbitmq(*killer)
    dead_letters = RabbitMQTransport.dead_letters()

    deaths = work_until_done(
        PlainApplier, lambda: dead_letters.count() > 0, 20, RabbitMQTransport.consumer
    )

    (letter,) = dead_letters.browse()
    dead_letters.close()
    assert wire.decode(letter.body)["instance_data"]["name"] == "killer"
    assert set(names()) == {"innocent"}
    assert {data["id"] for _, data in Notifier.received} == set(range(10)) - {5}
    assert deaths == MAX_DEATHS
