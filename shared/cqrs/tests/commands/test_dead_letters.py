"""``cqrs_dead_letters``: what failed for good is looked at, tried again or dropped."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.management.dead_letters import Selection, in_inbox
from dj_cqrs.management.dead_letters.letters import as_line, renewed
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import BaseTransport, OutgoingMessage
from dj_cqrs.transport.memory import MemoryBroker
from local_stack.ports import free_ports
from tests.app.replica_models import Item, Keyed
from tests.commands.conftest import Run, parsed
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)

Status = ParkedMessage.Status
LONG_AGO = "2020-01-01T00:00:00+00:00"


def letter(pk: Any = 1, *, cqrs_id: str = "item", status: str = Status.DEAD, **data: Any) -> int:
    """A dead letter in the inbox; returns its id."""
    raw = save(0, cqrs_id=cqrs_id, pk=pk, name="x", **data)
    row = ParkedMessage.objects.create(
        status=status,
        attempts=4,
        cqrs_id=cqrs_id,
        row_pk=str(pk),
        reason="ValueError: no",
        routing_key=raw.routing_key,
        headers=dict(raw.headers),
        body=raw.body,
    )
    return row.pk


def states() -> list[tuple[str, int]]:
    return list(ParkedMessage.objects.order_by("pk").values_list("status", "attempts"))


def work() -> None:
    """What a worker does about once a second."""
    applier = InboxApplier()
    while applier.do_chores():
        pass


class NoLetters(BaseTransport):
    """A transport that keeps no dead letters."""


# In the inbox.


def test_retrying_gives_a_letter_all_its_attempts_again(run: Run, memory_broker: object) -> None:
    letter(7, expires=LONG_AGO)

    out, err = run("cqrs_dead_letters", "retry")

    assert (out[:2], err) == (["Total dead letters: 1", "Retrying: 1/1"], [])
    body = json.loads(out[2])
    assert (body["instance_pk"], body["retries"]) == (7, 0)
    assert states() == [(Status.RETRYING, 0)]
    work()
    assert Item.objects.get().pk == 7
    assert not ParkedMessage.objects.exists()


def test_only_dead_letters_are_retried(run: Run, memory_broker: object) -> None:
    letter(status=Status.RETRYING)
    letter(status=Status.WAITING)

    assert run("cqrs_dead_letters", "retry")[0] == ["Total dead letters: 0"]
    assert states() == [(Status.RETRYING, 4), (Status.WAITING, 4)]


@pytest.mark.parametrize(
    "options",
    [
        lambda ids: ["--id", str(ids[1])],
        lambda _: ["--cqrs-id", "keyed"],
        lambda _: ["--pk", "2"],
        lambda _: ["-cid", "keyed", "--pk", "2"],
    ],
    ids=["id", "cqrs_id", "pk", "both"],
)
@pytest.mark.parametrize("action", ["retry", "purge", "dump"])
def test_one_letter_can_be_chosen(
    run: Run, memory_broker: object, action: str, options: Callable[[list[int]], list[str]]
) -> None:
    ids = [letter(1), letter(2, cqrs_id="keyed"), letter(3)]

    out, _ = run("cqrs_dead_letters", action, *options(ids))

    if action == "dump":
        assert [body["instance_pk"] for body in map(json.loads, out)] == [2]
        return
    assert out[0] == "Total dead letters: 1"
    left = list(ParkedMessage.objects.filter(status=Status.DEAD).order_by("pk"))
    assert [row.pk for row in left] == [ids[0], ids[2]]


def test_a_key_is_found_however_it_is_written(run: Run, memory_broker: object) -> None:
    key = "0f8fad5b-d9cb-469f-a165-70867728950e"
    letter(key, cqrs_id="keyed")

    out, _ = run("cqrs_dead_letters", "retry", "-cid", "keyed", "--pk", key.upper())

    assert out[0] == "Total dead letters: 1"
    assert Keyed.CQRS_ID == "keyed"


def test_dumping_prints_bodies_for_pipes_and_reasons_for_people(
    run: Run, memory_broker: object
) -> None:
    first, second = letter(1), letter(2)

    for _ in range(2):
        out, err = run("cqrs_dead_letters", "dump")
        assert [body["instance_pk"] for body in map(json.loads, out)] == [1, 2]
        assert out[0].encode() == bytes(ParkedMessage.objects.get(pk=first).body)
        assert err == [f"#{first} item 1: ValueError: no", f"#{second} item 2: ValueError: no"]
    assert states() == [(Status.DEAD, 4)] * 2


def test_purging_leaves_what_is_not_dead(run: Run, memory_broker: object) -> None:
    letter()
    letter()
    letter(status=Status.RETRYING)

    assert run("cqrs_dead_letters", "purge") == (["Total dead letters: 2", "Purged"], [])
    assert states() == [(Status.RETRYING, 4)]


class SecondDatabase:
    """Puts one model into another database."""

    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return "second" if model is Keyed else None


@pytest.mark.django_db(transaction=True, databases=["default", "second"])
def test_every_inbox_is_asked_and_an_id_must_mean_one_letter(
    run: Run, memory_broker: object, settings: Settings
) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.SecondDatabase"]
    row = ParkedMessage.objects.get(pk=letter(1))
    row.row_pk = "in the second database"
    row.save(using="second", force_insert=True)

    assert run("cqrs_dead_letters", "dump")[1] == [
        f"#{row.pk} item 1: ValueError: no",
        f"#{row.pk} item in the second database: ValueError: no",
    ]
    with pytest.raises(CommandError, match=r"default, second.*--database"):
        run("cqrs_dead_letters", "purge", "--id", str(row.pk))
    assert run("cqrs_dead_letters", "purge", "--id", str(row.pk), "--database", "second")[0] == [
        "Total dead letters: 1",
        "Purged",
    ]
    assert ParkedMessage.objects.count() == 1
    with pytest.raises(CommandError, match="no inbox in database 'third'"):
        run("cqrs_dead_letters", "dump", "--database", "third")


def test_what_dies_while_letters_are_retried_waits_for_next_time() -> None:
    letter(1)
    letter(2)
    (store,) = in_inbox.stores(Selection())

    retried = []
    for attempt in store.retry():
        letter(3)
        ParkedMessage.objects.filter(status=Status.RETRYING).update(status=Status.DEAD)
        retried.append(attempt.letter.name.split()[-1])

    assert retried == ["1", "2"]


# The body of a letter that is tried again.


def test_a_renewed_body_keeps_all_digits() -> None:
    body = b'{"a": 0.1000000000000000000001, "retries": 3, "expires": null}'

    assert renewed(body) == b'{"a":0.1000000000000000000001,"retries":0,"expires":null}'


def test_an_expired_body_gets_the_masters_time_to_live(settings: Settings) -> None:
    settings.CQRS = {**settings.CQRS, "master": {"CQRS_MESSAGE_TTL": 3600}}

    expires = json.loads(renewed(wire.encode({"expires": LONG_AGO})))["expires"]

    lifetime = datetime.fromisoformat(expires) - timezone.now()
    assert 3590 < lifetime.total_seconds() <= 3600


@pytest.mark.parametrize(
    "body",
    [b'{"a": 1}', b'{ "retries": 0, "expires": null }', b"[1]", b"\xff", b"nonsense", b""],
)
def test_a_body_that_needs_no_renewal_stays_as_it_is(body: bytes) -> None:
    assert renewed(body) == body


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{"a": 1}', '{"a": 1}'),
        (b'{"a":\n 1.10}\n', '{"a":1.10}'),
        (b"two\r\nlines\n", "two\\r\\nlines\\n"),
        (b"\xff", "\\xff"),
        ("ä".encode(), "ä"),
    ],
)
def test_a_body_is_dumped_on_one_line(body: bytes, line: str) -> None:
    assert as_line(body) == line


# In the broker.


def notification(pk: int, *, cqrs_id: str = "notifier", **data: Any) -> RawMessage:
    return save(0, cqrs_id=cqrs_id, pk=pk, **data)


def poison(body: bytes) -> RawMessage:
    return RawMessage(body, "item", {})


@pytest.mark.usefixtures("without_inbox")
def test_letters_of_the_broker_are_sent_to_this_queue_again(
    run: Run, kept_by_broker: Callable[..., None], transport: type[RabbitMQTransport]
) -> None:
    kept_by_broker(notification(1, name="a", expires=LONG_AGO), notification(2, name="b"))

    out, err = run("cqrs_dead_letters", "retry")

    assert (out[0], out[1], out[3], err) == (
        *("Total dead letters: 2", "Retrying: 1/2", "Retrying: 2/2"),
        [],
    )
    assert run("cqrs_dead_letters", "purge")[0][0] == "Total dead letters: 0"
    consumer = transport.consumer()
    deliveries = consumer.receive(max_messages=1, timeout_seconds=10)
    deliveries += consumer.receive(max_messages=1, timeout_seconds=10)
    consumer.close()
    assert [wire.decode(each.body) for each in deliveries] == parsed([out[2], out[4]])
    assert all(each.headers == notification(1).headers for each in deliveries)


@pytest.mark.usefixtures("without_inbox")
def test_a_letter_that_cannot_be_sent_stays_and_does_not_hold_up_the_others(
    run: Run, kept_by_broker: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    kept_by_broker(poison(b"nonsense"), notification(2), notification(3, cqrs_id="unknown"))

    with pytest.raises(CommandError, match="2 of 3 dead letters could not be retried"):
        run("cqrs_dead_letters", "retry")

    out, _ = run("cqrs_dead_letters", "dump")
    assert min(out) == "nonsense"
    assert json.loads(max(out))["cqrs_id"] == "unknown"
    assert len(out) == 2


@pytest.mark.usefixtures("without_inbox")
def test_letters_of_the_broker_can_be_chosen(
    run: Run, kept_by_broker: Callable[..., None]
) -> None:
    kept_by_broker(notification(1), notification(2), poison(b"nonsense"))

    assert len(run("cqrs_dead_letters", "dump", "--pk", "2")[0]) == 1
    assert run("cqrs_dead_letters", "purge", "-cid", "notifier", "--pk", "2") == (
        ["Total dead letters: 1", "Purged"],
        [],
    )
    out, err = run("cqrs_dead_letters", "dump")
    assert len(out) == 2
    assert sorted(err) == ["notifier 1: no", "undecodable: no"]


@pytest.mark.usefixtures("without_inbox")
def test_letters_that_django_cqrs_left_behind_are_letters_too(
    run: Run, transport: type[RabbitMQTransport], cqrs: dict[str, Any], amqp: BlockingChannel
) -> None:
    """Its queues have no arguments, its letters an expiration and no header."""
    exchange, queue = cqrs["exchange"], cqrs["queue"]
    amqp.exchange_declare(exchange, "topic", durable=True)
    for name in (queue, f"dead_letter_{queue}"):
        amqp.queue_declare(name, durable=True)
        amqp.queue_bind(name, exchange, f"cqrs.{name}.notifier")
    amqp.confirm_delivery()
    body = notification(1, expires=LONG_AGO).body
    key = f"cqrs.dead_letter_{queue}.notifier"
    properties = BasicProperties(delivery_mode=2, expiration="864000000")
    amqp.basic_publish(exchange, key, body, properties, mandatory=True)

    dumped, reasons = run("cqrs_dead_letters", "dump")
    out, _ = run("cqrs_dead_letters", "retry")

    assert dumped == [body.decode()]
    assert reasons == ["notifier 1: rejected; the worker's log says why"]
    assert out[:2] == ["Total dead letters: 1", "Retrying: 1/1"]
    got = amqp.basic_get(queue, auto_ack=True)
    assert got[2] == out[2].encode()
    assert got[1].expiration is None


def test_with_an_inbox_letters_of_the_broker_go_there_and_nothing_is_published(
    run: Run, kept_by_broker: Callable[..., None], transport: type[RabbitMQTransport]
) -> None:
    kept_by_broker(save(0, pk=7, name="x"), poison(b"nonsense"))

    out, err = run("cqrs_dead_letters", "retry")

    assert (out[0], out[1], out[3], err) == (
        *("Total dead letters: 2", "Retrying: 1/2", "Retrying: 2/2"),
        [],
    )
    assert states() == [(Status.RETRYING, 0)] * 2
    work()
    assert Item.objects.get().pk == 7
    assert list(ParkedMessage.objects.values_list("status", flat=True)) == [Status.DEAD]
    queue = transport.dead_letters()
    assert queue.count() == 0
    queue.close()
    consumer = transport.consumer()
    assert not consumer.receive(max_messages=1, timeout_seconds=0.2)
    consumer.close()


def test_the_inbox_is_worked_on_while_the_broker_is_away(run: Run, settings: Settings) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {
        **settings.CQRS,
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": f"amqp://127.0.0.1:{port}/",
    }
    letter()

    with pytest.raises(CommandError, match="Only the inbox's dead letters"):
        run("cqrs_dead_letters", "retry")
    assert states() == [(Status.RETRYING, 0)]

    letter()
    assert run("cqrs_dead_letters", "purge", "--database", "default")[0][1] == "Purged"


def test_letters_of_the_memory_broker_are_letters_too(
    run: Run, without_inbox: None, memory_broker: MemoryBroker
) -> None:
    raw = notification(1)
    memory_broker.put("dead_letter_replica", OutgoingMessage("", "notifier", raw.body))

    assert run("cqrs_dead_letters", "retry")[0][:2] == ["Total dead letters: 1", "Retrying: 1/1"]

    assert memory_broker.messages("replica")[0].routing_key == "cqrs.replica.notifier"
    assert not memory_broker.messages("dead_letter_replica")


@pytest.mark.usefixtures("without_inbox")
def test_letters_of_an_inbox_cannot_be_chosen_without_one(run: Run) -> None:
    for options in (["--id", "1"], ["--database", "default"]):
        with pytest.raises(CommandError, match="there is none here"):
            run("cqrs_dead_letters", "purge", *options)


@pytest.mark.usefixtures("without_inbox")
def test_a_service_that_keeps_no_dead_letters_is_told_so(run: Run, settings: Settings) -> None:
    settings.CQRS = {**settings.CQRS, "transport": f"{__name__}.NoLetters"}

    with pytest.raises(CommandError) as raised:
        run("cqrs_dead_letters", "dump")

    assert str(raised.value) == ("Dead letters commands available only for RabbitMQTransport.")
