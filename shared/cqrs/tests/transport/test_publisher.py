"""What becomes of each message that is published with pipelined confirms, on a real broker."""

from typing import Any
from urllib.parse import quote

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pytest_django import Settings

from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.servers import RabbitMQServer
from tests.transport.messages import (
    CONFIRMED,
    FAILED,
    UNROUTABLE,
    message,
    messages,
    numbers,
    receive,
)


def test_message_on_the_wire_is_the_contracts(
    cqrs: dict[str, Any], publisher: Publisher, amqp: BlockingChannel
) -> None:
    RabbitMQTransport.consumer(["track"]).close()

    publisher.publish([message(17, headers={"cqrs-revisions": "monotonic"})], timeout_seconds=10)

    method, properties, body = amqp.basic_get(cqrs["queue"], auto_ack=True)
    assert (method.exchange, method.routing_key, body) == (cqrs["exchange"], "track", b"17")
    assert properties.content_type == "text/plain"
    assert properties.delivery_mode == 2
    assert properties.message_id == "17"
    assert properties.headers["cqrs-revisions"] == "monotonic"


def test_message_that_a_queue_refuses_has_failed(
    cqrs: dict[str, Any], publisher: Publisher, amqp: BlockingChannel
) -> None:
    publisher.publish(messages([0]), timeout_seconds=10)  # declares the exchange
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    amqp.queue_declare(cqrs["queue"], durable=True, arguments=full)
    amqp.queue_bind(cqrs["queue"], cqrs["exchange"], "track")

    assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]
    assert publisher.publish(messages([2, 3]), timeout_seconds=10) == [FAILED, FAILED]


def test_message_that_cannot_be_encoded_fails_alone(
    publisher: Publisher, consumer: Consumer
) -> None:
    mix = [message(1), message(2, key="k" * 256), message(3, headers={"a": object()}), message(4)]

    outcomes = publisher.publish(mix, timeout_seconds=10)

    assert outcomes == [CONFIRMED, FAILED, FAILED, CONFIRMED]
    assert numbers(receive(consumer, 2)) == [1, 4]


def limit_size(rabbitmq: RabbitMQServer, limit: int) -> int:
    """Limits the size of messages; returns the limit before. One call, since each takes long."""
    before = rabbitmq.ctl(
        "eval",
        "Before = rabbit_misc:get_env(rabbit, max_message_size, 0), "
        f"application:set_env(rabbit, max_message_size, {limit}), "
        f"persistent_term:put(max_message_size, {limit}), Before.",
    )
    return int(before)


def test_message_that_is_too_large_for_the_broker_fails_alone_once_it_is_known(
    rabbitmq: RabbitMQServer, publisher: Publisher, consumer: Consumer
) -> None:
    limit = limit_size(rabbitmq, 100_000)
    try:
        too_large = message(2, body=b"x" * 100_001)
        with pytest.raises(TransportError, match="larger than"):
            publisher.publish([message(1), too_large], timeout_seconds=10)

        outcomes = publisher.publish([message(1), too_large, message(3)], timeout_seconds=10)
    finally:
        limit_size(rabbitmq, limit)

    assert outcomes == [CONFIRMED, FAILED, CONFIRMED]


def test_exchange_deleted_under_the_publisher_is_declared_again(
    cqrs: dict[str, Any], publisher: Publisher, amqp: BlockingChannel
) -> None:
    consumer = RabbitMQTransport.consumer(["track"])
    assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]
    amqp.exchange_delete(cqrs["exchange"])

    with pytest.raises(TransportError, match="no exchange"):
        publisher.publish(messages([2]), timeout_seconds=10)

    # Its bindings are gone with it, until a consumer starts.
    assert publisher.publish(messages([2]), timeout_seconds=10) == [UNROUTABLE]
    consumer.close()
    RabbitMQTransport.consumer(["track"]).close()
    assert publisher.publish(messages([2]), timeout_seconds=10) == [CONFIRMED]


def test_exchange_of_another_type_is_refused_with_the_reason(
    cqrs: dict[str, Any], publisher: Publisher, amqp: BlockingChannel
) -> None:
    amqp.exchange_declare(cqrs["exchange"], exchange_type="direct", durable=True)

    with pytest.raises(ConfigurationError, match="exists but is not what is needed"):
        publisher.publish(messages([1]), timeout_seconds=10)


def test_exchange_with_an_operators_arguments_is_used_as_it_is(
    cqrs: dict[str, Any], publisher: Publisher, amqp: BlockingChannel
) -> None:
    amqp.exchange_declare(
        cqrs["exchange"],
        exchange_type="topic",
        durable=True,
        arguments={"alternate-exchange": "amq.fanout"},
    )

    assert publisher.publish(messages([1]), timeout_seconds=10) == [UNROUTABLE]


@pytest.mark.parametrize("name", ["shop", "a/b, Ähm & co"], ids=["plain", "to be quoted"])
def test_messages_travel_in_the_virtual_host_of_the_url(
    cqrs: dict[str, Any],
    settings: Settings,
    rabbitmq: RabbitMQServer,
    amqp: BlockingChannel,
    name: str,
) -> None:
    rabbitmq.ctl("add_vhost", name)
    rabbitmq.ctl("set_permissions", "--vhost", name, "test", ".*", ".*", ".*")
    settings.CQRS = {**cqrs, "url": cqrs["url"].rstrip("/") + "/" + quote(name, safe="")}
    consumer, publisher = RabbitMQTransport.consumer(["track"]), RabbitMQTransport.publisher()
    try:
        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]
        assert numbers(receive(consumer, 1)) == [1]
        with pytest.raises(ChannelClosedByBroker, match=r"no queue .* in vhost '/'"):
            amqp.queue_declare(cqrs["queue"], passive=True)
    finally:
        publisher.close()
        consumer.close()
