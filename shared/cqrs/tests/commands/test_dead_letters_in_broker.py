"""``cqrs_dead_letters`` on the broker's queue: the same, and on both at once."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import BaseTransport, OutgoingMessage
from dj_cqrs.transport.memory import MemoryBroker
from local_stack.ports import free_ports
from tests.app.replica_models import Item
from tests.commands.conftest import Run, parsed
from tests.commands.letters import (
    LONG_AGO,
    Status,
    letter,
    notification,
    poison,
    recent,
    states,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)


class NoLetters(BaseTransport):
    """A transport that keeps no dead letters."""


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
    kept_by_broker(recent(7), poison(b"nonsense"))

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
