"""Consuming from a real broker, with things going wrong."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.proxy import Proxy
from local_stack.servers import RabbitMQServer
from tests.transport.messages import (
    CONFIRMED,
    fails,
    messages,
    nothing_arrives,
    numbers,
    receive,
    receive_and_ack,
)


def test_heartbeats_are_served_while_a_batch_is_applied(
    cqrs: dict[str, Any],
    settings: Settings,
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
) -> None:
    settings.CQRS = {**cqrs, "heartbeat": 1}
    consumer = new_consumer()
    publisher.publish(messages([1, 2]), timeout_seconds=10)
    first, _second = receive(consumer, 2)

    busy_until = time.monotonic() + 4
    while time.monotonic() < busy_until:
        sum(range(1000))

    consumer.ack([first])
    publisher.publish(messages([3]), timeout_seconds=10)
    (third,) = receive(consumer, 1)
    assert (third.body, third.redelivered) == (b"3", False)


def test_message_is_handed_over_when_it_arrives(publisher: Publisher, consumer: Consumer) -> None:
    seconds = []
    for number in range(50):
        started = time.monotonic()
        publisher.publish(messages([number]), timeout_seconds=10)
        receive_and_ack(consumer, 1)
        seconds.append(time.monotonic() - started)

    # Two round trips and a flush to disk take a few milliseconds; a poll would show.
    assert sorted(seconds)[25] < 0.05


def test_broker_sends_no_more_than_two_batches_ahead(
    cqrs: dict[str, Any],
    settings: Settings,
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
) -> None:
    settings.CQRS = {**cqrs, "replica": {"batch_size": 10}}
    greedy = new_consumer()
    publisher.publish(messages(range(50)), timeout_seconds=10)
    first = receive(greedy, 20)
    assert nothing_arrives(greedy)

    other = new_consumer()
    assert numbers(receive(other, 20)) == list(range(20, 40))

    greedy.ack(first)
    assert numbers(receive(greedy, 10)) == list(range(40, 50))


def test_queue_deleted_under_the_consumer_is_declared_by_the_next_one(
    cqrs: dict[str, Any],
    publisher: Publisher,
    consumer: Consumer,
    new_consumer: Callable[[], Consumer],
    amqp: BlockingChannel,
) -> None:
    publisher.publish(messages([1]), timeout_seconds=10)
    (delivery,) = receive(consumer, 1)

    amqp.queue_delete(cqrs["queue"])

    assert "ended the consumer" in str(fails(consumer))
    with pytest.raises(TransportError):
        consumer.ack([delivery])
    consumer.close()
    again = new_consumer()
    assert publisher.publish(messages([2]), timeout_seconds=10) == [CONFIRMED]
    assert numbers(receive(again, 1)) == [2]


def test_consumer_learns_at_once_that_its_connection_was_cut(
    proxy: Proxy, publisher: Publisher, new_consumer: Callable[[], Consumer]
) -> None:
    consumer = new_consumer()
    publisher.publish(messages([1]), timeout_seconds=10)
    (delivery,) = receive(consumer, 1)

    proxy.cut()

    fails(consumer)
    with pytest.raises(TransportError):
        consumer.ack([delivery])
    with pytest.raises(TransportError):
        consumer.reject(delivery)
    (again,) = receive(new_consumer(), 1)
    assert (again.body, again.redelivered) == (b"1", True)


@pytest.mark.slow  # Pika looks after heartbeats every six seconds
def test_broker_that_falls_silent_is_noticed_by_its_heartbeats(
    proxy: Proxy, settings: Settings, new_consumer: Callable[[], Consumer]
) -> None:
    settings.CQRS = {**settings.CQRS, "heartbeat": 1}
    consumer = new_consumer()

    proxy.freeze()

    assert "eartbeat" in str(fails(consumer))


def test_closing_does_not_hang_on_a_broker_that_is_silent(
    proxy: Proxy, new_consumer: Callable[[], Consumer]
) -> None:
    consumer = new_consumer()
    proxy.freeze()
    started = time.monotonic()

    consumer.close()

    assert time.monotonic() - started < 10
    with pytest.raises(TransportError, match="closed"):
        consumer.receive(max_messages=1, timeout_seconds=1)


def test_queue_that_django_cqrs_declared_is_used_as_it_is(
    cqrs: dict[str, Any],
    rabbitmq: RabbitMQServer,
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
    amqp: BlockingChannel,
) -> None:
    queue = cqrs["queue"]
    amqp.exchange_declare(cqrs["exchange"], exchange_type="topic", durable=True)
    for name in (queue, f"dead_letter_{queue}"):
        amqp.queue_declare(name, durable=True)
    amqp.queue_bind(queue, cqrs["exchange"], "track")

    consumer = new_consumer()

    assert publisher.publish(messages([1, 2]), timeout_seconds=10) == [CONFIRMED] * 2
    assert numbers(receive_and_ack(consumer, 2)) == [1, 2]
    assert f"{queue}\tclassic" in rabbitmq.ctl("list_queues", "name", "type")


def test_routing_key_that_is_no_text_is_handed_over_as_text(
    cqrs: dict[str, Any], consumer: Consumer, amqp: BlockingChannel
) -> None:
    amqp.queue_bind(cqrs["queue"], cqrs["exchange"], "#")

    amqp.basic_publish(cqrs["exchange"], b"\xff\xfe", b"1")

    (delivery,) = receive(consumer, 1)
    assert delivery.routing_key == "\ufffd\ufffd"
