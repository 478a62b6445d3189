"""What django-cqrs gets wrong with its broker (W4 to W6, W22 to W29), and ours must not."""

import datetime as dt
import logging
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from django.core.management import call_command
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs import checks
from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import REASON_HEADER, Consumer, Publisher
from local_stack.ports import free_ports
from local_stack.proxy import Proxy
from tests.transport.messages import (
    CONFIRMED,
    UNROUTABLE,
    message,
    messages,
    nothing_arrives,
    numbers,
    receive,
    receive_and_ack,
)

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def clean(cqrs: dict[str, Any]) -> Iterator[None]:
    """Each test has its own names, so the thread's connection must not outlive it."""
    RabbitMQTransport.clean_connection()
    yield
    RabbitMQTransport.clean_connection()


def payload(**instance_data: Any) -> TransportPayload:
    return TransportPayload(
        SignalType.SAVE,
        "track",
        {"id": 1, **instance_data},
        1,
        correlation_id="abc",
        expires=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
    )


def published(caplog: pytest.LogCaptureFixture) -> int:
    return sum("is published" in line for line in caplog.messages)


# W4: a broker that hangs blocks the user's save() for half a minute


def test_w4_a_broker_that_hangs_holds_up_no_save_for_long(
    proxy: Proxy, settings: Settings, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CQRS = {**settings.CQRS, "produce_timeout": 1}
    RabbitMQTransport.produce(payload())
    proxy.freeze()
    started_at = time.monotonic()

    for _ in range(10):
        RabbitMQTransport.produce(payload())

    assert time.monotonic() - started_at < 2
    assert caplog.messages.count("CQRS couldn't be published: pk = 1 (track).") == 10


# W5: what nobody has confirmed is called published


def test_w5_a_message_that_no_queue_takes_is_not_called_published(
    cqrs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "django-cqrs"):
        RabbitMQTransport.produce(payload())

    assert not published(caplog)
    assert "CQRS couldn't be published: pk = 1 (track)" in caplog.text


def test_w5_a_message_that_the_broker_never_read_is_not_called_published(
    proxy: Proxy, settings: Settings, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CQRS = {**settings.CQRS, "produce_timeout": 1}
    with caplog.at_level(logging.INFO, "django-cqrs"):
        RabbitMQTransport.produce(payload())
        proxy.freeze()
        for _ in range(5):
            RabbitMQTransport.produce(payload())

    proxy.cut()

    assert published(caplog) == 1


# W6: errors that escape into the user's save(), and one that nobody hears of


@pytest.mark.parametrize(
    "url",
    [
        "amqp://no-such-host.invalid/",
        "amqp://127.0.0.1:{closed_port}/",
        "amqps://127.0.0.1:{closed_port}/",
        "amqp://user:wrong@{broker}/",
        "http://127.0.0.1/",
        "amqp://[::1/",
    ],
)
def test_w6_no_error_of_the_connection_escapes(
    cqrs: dict[str, Any], settings: Settings, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    (closed_port,) = free_ports(1)
    broker = cqrs["url"].rpartition("@")[2].rstrip("/")
    settings.CQRS = {**cqrs, "url": url.format(closed_port=closed_port, broker=broker)}

    RabbitMQTransport.produce(payload())

    assert ("django-cqrs", logging.ERROR, "CQRS couldn't be published: pk = 1 (track).") in (
        caplog.record_tuples
    )


def test_w6_nor_does_one_of_json(cqrs: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    RabbitMQTransport.produce(payload(name=object()))

    assert "CQRS couldn't be published: pk = 1 (track)." in caplog.messages


def test_w6_a_url_that_cannot_work_stops_the_service_at_its_start(
    cqrs: dict[str, Any], settings: Settings
) -> None:
    settings.CQRS = {**cqrs, "url": "http://127.0.0.1/"}

    with pytest.raises(AssertionError, match='Scheme must be "amqp" for RabbitMQTransport'):
        checks.at_start()


# W22, W23: one message of a stranger stops every worker, or is gone without a trace


class Unreadable(pika.BasicProperties):  # type: ignore[misc]
    """Properties whose only header is a time long after the year 9999."""

    def encode(self) -> list[bytes]:
        table = b"\x04when" + b"T" + struct.pack(">Q", 2**62)
        return [struct.pack(">H", self.FLAG_HEADERS), struct.pack(">I", len(table)) + table]


def test_w22_a_message_with_unreadable_properties_disturbs_no_other(
    cqrs: dict[str, Any], publisher: Publisher, consumer: Consumer, amqp: BlockingChannel
) -> None:
    publisher.publish(messages([1]), timeout_seconds=10)
    amqp.basic_publish(cqrs["exchange"], "track", b"2", Unreadable())
    amqp.basic_publish(cqrs["exchange"], "track", b"", Unreadable())
    publisher.publish(messages([3]), timeout_seconds=10)

    arrived = [delivery.body for delivery in receive_and_ack(consumer, 4)]
    assert sorted(arrived) == [b"", b"1", b"2", b"3"]


def test_w23_a_queue_without_a_dead_letter_exchange_loses_nothing_that_is_rejected(
    cqrs: dict[str, Any],
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
    bodies_in: Callable[[str], list[bytes]],
    amqp: BlockingChannel,
) -> None:
    """Such a queue is what django-cqrs declares."""
    amqp.queue_declare(cqrs["queue"], durable=True)
    consumer = new_consumer()
    publisher.publish(messages([1]), timeout_seconds=10)
    (delivery,) = receive(consumer, 1)

    consumer.reject(delivery)

    assert bodies_in(f"dead_letter_{cqrs['queue']}") == [b"1"]
    consumer.close()
    assert nothing_arrives(new_consumer())


def test_w23_what_cannot_be_read_is_kept_with_its_reason_and_its_routing_key(
    cqrs: dict[str, Any], publisher: Publisher, consumer: Consumer, amqp: BlockingChannel
) -> None:
    publisher.publish([message(body=b"\xff")], timeout_seconds=10)
    (bad,) = receive(consumer, 1)

    consumer.dead_letter(bad, cqrs_id=None, body=bad.body, reason="The body is not JSON.")

    method, properties, body = amqp.basic_get(f"dead_letter_{cqrs['queue']}")
    assert method, "nothing was kept"
    assert (method.routing_key, body) == ("track", b"\xff")
    assert properties.headers[REASON_HEADER] == "The body is not JSON."


# W24: what is sent again is not confirmed before the original is settled


def no_room_in(amqp: BlockingChannel, queue: str) -> None:
    """Declares a queue that refuses every message."""
    full = {"x-max-length": 0, "x-overflow": "reject-publish"}
    amqp.queue_declare(queue, durable=True, arguments=full)


def test_w24_a_retry_that_the_broker_refuses_is_not_settled(
    cqrs: dict[str, Any],
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
    amqp: BlockingChannel,
) -> None:
    no_room_in(amqp, f"delay_{cqrs['queue']}_2000ms")
    consumer = new_consumer()
    publisher.publish(messages([1]), timeout_seconds=10)
    (failed,) = receive(consumer, 1)

    with pytest.raises(TransportError, match="did not keep"):
        consumer.retry_later(failed, cqrs_id="track", body=b"1", delay_seconds=2)

    consumer.close()
    assert numbers(receive(new_consumer(), 1)) == [1]


def test_w24_nor_is_a_dead_letter(
    cqrs: dict[str, Any],
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
    amqp: BlockingChannel,
) -> None:
    no_room_in(amqp, f"dead_letter_{cqrs['queue']}")
    consumer = new_consumer()
    publisher.publish(messages([1]), timeout_seconds=10)
    (bad,) = receive(consumer, 1)

    with pytest.raises(TransportError, match="did not keep"):
        consumer.dead_letter(bad, cqrs_id="track", body=b"1", reason="tried in vain")

    consumer.close()
    assert numbers(receive(new_consumer(), 1)) == [1]


# W25, W26: delays are cut short when many messages fail, and held in memory, unacknowledged


def test_w25_many_failures_all_keep_their_delay(
    cqrs: dict[str, Any], settings: Settings, publisher: Publisher, consumer: Consumer
) -> None:
    settings.CQRS = {**cqrs, "replica": {"delay_queue_max_size": 10}}
    publisher.publish(messages(range(200)), timeout_seconds=10)
    failed = receive(consumer, 200)
    due_at = time.monotonic() + 2

    for delivery in failed:
        consumer.retry_later(delivery, cqrs_id="track", body=delivery.body, delay_seconds=2)

    again = receive(consumer, 1)
    assert time.monotonic() >= due_at
    again += receive(consumer, 199)
    assert sorted(numbers(again)) == list(range(200))


def test_w26_a_message_that_waits_is_held_by_no_consumer(
    cqrs: dict[str, Any],
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
    amqp: BlockingChannel,
) -> None:
    consumer = new_consumer()
    publisher.publish(messages([1]), timeout_seconds=10)
    (failed,) = receive(consumer, 1)

    consumer.retry_later(failed, cqrs_id="track", body=b"2", delay_seconds=31 * 60)

    consumer.close()
    assert nothing_arrives(new_consumer())
    _, properties, body = amqp.basic_get(f"delay_{cqrs['queue']}_2048000ms")
    assert (body, properties.delivery_mode) == (b"2", 2)


# W28: bindings of models that were removed stay for ever


def test_w28_a_model_that_was_removed_can_be_unbound(
    cqrs: dict[str, Any], publisher: Publisher
) -> None:
    RabbitMQTransport.consumer(["track", "removed"]).close()
    assert publisher.publish([message(key="removed")], timeout_seconds=10) == [CONFIRMED]

    call_command("cqrs_declare", "--unbind", "removed")

    assert publisher.publish([message(key="removed")], timeout_seconds=10) == [UNROUTABLE]


def test_w28_a_worker_for_some_models_is_handed_the_others_too(
    publisher: Publisher, request: pytest.FixtureRequest
) -> None:
    """The queue is one for all of them, and what it held back would be nobody's."""
    RabbitMQTransport.consumer(["track", "album"]).close()
    publisher.publish([message(1, key="album"), message(2)], timeout_seconds=10)

    restricted = RabbitMQTransport.consumer(["track"])
    request.addfinalizer(restricted.close)

    assert numbers(receive(restricted, 2)) == [1, 2]


# Packaging


def test_everything_that_the_package_names_can_be_imported() -> None:
    code = "from dj_cqrs.transport import *; print(RabbitMQTransport, BaseTransport)"

    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
