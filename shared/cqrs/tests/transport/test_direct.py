"""Direct mode: a payload is published at once, and the caller never suffers from the broker."""

import datetime as dt
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.constants import SignalType
from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.transport import BaseTransport, RabbitMQTransport
from dj_cqrs.transport.base import Consumer
from dj_cqrs.transport.mixins import LoggingMixin
from local_stack.ports import free_ports
from local_stack.proxy import Proxy
from local_stack.waiting import eventually
from tests.transport.messages import receive


@pytest.fixture(autouse=True)
def clean(cqrs: dict[str, Any]) -> Any:
    """Each test has its own names, so the thread's connection must not outlive it."""
    RabbitMQTransport.clean_connection()
    yield
    RabbitMQTransport.clean_connection()


def payload(**changes: Any) -> TransportPayload:
    arguments: dict[str, Any] = {
        "signal_type": SignalType.SAVE,
        "cqrs_id": "track",
        "instance_data": {"id": 1, "name": "Ähm", "cqrs_revision": 0},
        "instance_pk": 1,
        "correlation_id": "abc",
        "expires": dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
        **changes,
    }
    return TransportPayload(**arguments)


def seconds_of(work: Callable[[], object]) -> float:
    started_at = time.monotonic()
    work()
    return time.monotonic() - started_at


def test_payload_is_on_the_wire_as_the_contract_says(
    cqrs: dict[str, Any],
    consumer: Consumer,
    amqp: BlockingChannel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer.close()

    with caplog.at_level(logging.INFO, "django-cqrs"):
        RabbitMQTransport.produce(payload())

    method, properties, body = amqp.basic_get(cqrs["queue"], auto_ack=True)
    assert method.routing_key == "track"
    assert (properties.content_type, properties.delivery_mode) == ("text/plain", 2)
    assert list(json.loads(body).items()) == [
        ("signal_type", "SAVE"),
        ("cqrs_id", "track"),
        ("instance_data", {"id": 1, "name": "Ähm", "cqrs_revision": 0}),
        ("previous_data", None),
        ("instance_pk", 1),
        ("correlation_id", "abc"),
        ("retries", 0),
        ("expires", "2030-01-01T00:00:00+00:00"),
        ("meta", None),
    ]
    assert "CQRS is published: pk = 1 (track), correlation_id = abc." in caplog.messages


def test_sync_to_one_queue_takes_its_direct_route(
    cqrs: dict[str, Any], consumer: Consumer
) -> None:
    RabbitMQTransport.produce(payload(signal_type=SignalType.SYNC, queue=cqrs["queue"]))

    (delivery,) = receive(consumer, 1)
    assert delivery.routing_key == f"cqrs.{cqrs['queue']}.track"


@pytest.mark.parametrize(
    ("mark", "queue", "expiration"),
    [("is_requeue", "{queue}", None), ("is_dead_letter", "dead_letter_{queue}", "864000000")],
)
def test_marked_payload_goes_to_a_queue_of_this_service(
    cqrs: dict[str, Any],
    consumer: Consumer,
    amqp: BlockingChannel,
    mark: str,
    queue: str,
    expiration: str | None,
) -> None:
    consumer.close()
    marked = payload()
    setattr(marked, mark, True)

    RabbitMQTransport.produce(marked)

    queue = queue.format(**cqrs)
    method, properties, _ = amqp.basic_get(queue, auto_ack=True)
    assert method.routing_key == f"cqrs.{queue}.track"
    assert properties.expiration == expiration


def test_broker_that_is_away_is_logged_and_not_raised(
    cqrs: dict[str, Any], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://127.0.0.1:{port}/"}

    RabbitMQTransport.produce(payload())

    ours = [(r.levelname, r.message) for r in caplog.records if r.name == "django-cqrs"]
    assert ours[0][0] == "WARNING"
    assert ours[0][1].startswith("CQRS couldn't be published: pk = 1 (track). Error: ")
    assert ours[0][1].endswith(". Reconnect...")
    assert ours[1] == ("ERROR", "CQRS couldn't be published: pk = 1 (track).")


def test_message_that_no_queue_takes_is_not_called_published(
    cqrs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "django-cqrs"):
        RabbitMQTransport.produce(payload())

    assert not any("is published" in line for line in caplog.messages)
    assert any("No queue is bound" in line for line in caplog.messages)


def test_payload_that_cannot_be_encoded_is_logged_and_not_raised(
    cqrs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    RabbitMQTransport.produce(payload(instance_data={"a": object()}))

    assert "CQRS couldn't be published: pk = 1 (track)." in caplog.messages


def test_misconfigured_url_is_logged_and_not_raised(
    cqrs: dict[str, Any], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CQRS = {**cqrs, "url": "http://mq/"}

    RabbitMQTransport.produce(payload())

    assert "CQRS couldn't be published: pk = 1 (track)." in caplog.messages
    assert "Scheme must be" in caplog.text


def test_connection_is_kept_per_thread_and_renewed_when_it_is_lost(
    proxy: Proxy, consumer: Consumer
) -> None:
    before = proxy.accepted
    for _ in range(3):
        RabbitMQTransport.produce(payload())
    assert proxy.accepted == before + 1

    def produce_and_close() -> None:
        RabbitMQTransport.produce(payload())
        RabbitMQTransport.clean_connection()

    thread = threading.Thread(target=produce_and_close)
    thread.start()
    thread.join()
    assert proxy.accepted == before + 2

    RabbitMQTransport.clean_connection()
    RabbitMQTransport.produce(payload())
    assert proxy.accepted == before + 3
    assert len(receive(consumer, 5)) == 5


def test_frozen_broker_holds_the_caller_up_for_no_longer_than_the_setting_says(
    proxy: Proxy, settings: Settings, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CQRS = {**settings.CQRS, "produce_timeout": 1}
    RabbitMQTransport.produce(payload())

    proxy.freeze()
    on_a_kept_connection = seconds_of(lambda: RabbitMQTransport.produce(payload()))
    RabbitMQTransport.clean_connection()
    on_a_new_connection = seconds_of(lambda: RabbitMQTransport.produce(payload()))

    assert 0.9 < on_a_kept_connection < 2
    assert 0.9 < on_a_new_connection < 2
    assert caplog.messages.count("CQRS couldn't be published: pk = 1 (track).") == 2


def test_after_a_frozen_broker_the_next_payloads_fail_at_once_and_are_named(
    proxy: Proxy, settings: Settings, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CQRS = {**settings.CQRS, "produce_timeout": 1}
    proxy.freeze()
    RabbitMQTransport.produce(payload())
    caplog.clear()

    seconds = seconds_of(
        lambda: [RabbitMQTransport.produce(payload(instance_pk=pk)) for pk in range(20)]
    )

    assert seconds < 0.5
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 20
    assert caplog.messages == [
        f"CQRS couldn't be published: pk = {pk} (track)." for pk in range(20)
    ]
    assert "Not tried" in caplog.text


def test_broker_that_answers_again_is_used_again(
    proxy: Proxy, settings: Settings, consumer: Consumer
) -> None:
    settings.CQRS = {**settings.CQRS, "produce_timeout": 0.6}
    proxy.freeze()
    RabbitMQTransport.produce(payload())
    proxy.thaw()

    def one_arrives() -> None:
        RabbitMQTransport.produce(payload())
        assert consumer.receive(max_messages=1, timeout_seconds=0.1)

    eventually(one_arrives, within_seconds=10)


def test_lines_of_an_overridden_hook_and_number_of_retries_are_the_subclasses(
    cqrs: dict[str, Any],
    settings: Settings,
    consumer: Consumer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    published = []

    class Ours(RabbitMQTransport):
        PRODUCER_RETRIES = 3

        @staticmethod
        def log_produced(payload: TransportPayload) -> None:
            published.append(payload.pk)

    Ours.produce(payload())
    assert published == [1]

    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://127.0.0.1:{port}/"}
    Ours.clean_connection()
    Ours.produce(payload())
    assert sum("Reconnect..." in line for line in caplog.messages) == 3


def test_controller_produces_through_the_transport_of_the_settings(
    cqrs: dict[str, Any], consumer: Consumer
) -> None:
    producer.produce(payload())

    assert len(receive(consumer, 1)) == 1


def test_transport_of_ones_own_may_name_the_logging_mixin_beside_the_base() -> None:
    class Ours(LoggingMixin, BaseTransport):
        pass

    assert Ours.log_produced is RabbitMQTransport.log_produced
