"""Publishing with pipelined confirms, on a real broker, with things going wrong."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.exceptions import BrokerUnreachableError, ConfigurationError, TransportError
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.ports import free_ports
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.transport.faults import away, background
from tests.transport.messages import (
    CONFIRMED,
    FAILED,
    UNROUTABLE,
    message,
    messages,
    numbers,
    receive,
)
from tests.transport.proxy import Proxy


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


def test_message_that_is_too_large_for_the_broker_fails_alone_once_it_is_known(
    rabbitmq: RabbitMQServer, publisher: Publisher, consumer: Consumer
) -> None:
    limit = int(rabbitmq.ctl("eval", "rabbit_misc:get_env(rabbit, max_message_size, 0)."))
    rabbitmq.ctl("eval", "application:set_env(rabbit, max_message_size, 100000).")
    rabbitmq.ctl("eval", "persistent_term:put(max_message_size, 100000).")
    try:
        too_large = message(2, body=b"x" * 100_001)
        with pytest.raises(TransportError, match="larger than"):
            publisher.publish([message(1), too_large], timeout_seconds=10)

        outcomes = publisher.publish([message(1), too_large, message(3)], timeout_seconds=10)
    finally:
        rabbitmq.ctl("eval", f"application:set_env(rabbit, max_message_size, {limit}).")
        rabbitmq.ctl("eval", f"persistent_term:put(max_message_size, {limit}).")

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


def test_broker_that_is_not_there_is_a_transport_error(
    cqrs: dict[str, Any], settings: Settings
) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://127.0.0.1:{port}/"}

    with pytest.raises(BrokerUnreachableError, match=f"127.0.0.1:{port}.*refused"):
        RabbitMQTransport.publisher().publish(messages([1]), timeout_seconds=10)


def test_unknown_host_is_a_transport_error(cqrs: dict[str, Any], settings: Settings) -> None:
    settings.CQRS = {**cqrs, "url": "amqp://no-such-host.invalid/"}

    with pytest.raises(TransportError, match=r"no-such-host\.invalid"):
        RabbitMQTransport.publisher().publish(messages([1]), timeout_seconds=10)


def test_wrong_password_is_a_transport_error_that_does_not_show_it(
    cqrs: dict[str, Any], settings: Settings
) -> None:
    settings.CQRS = {**cqrs, "url": cqrs["url"].replace("test:test@", "test:s3cret@")}

    with pytest.raises(TransportError, match="ACCESS_REFUSED") as caught:
        RabbitMQTransport.publisher().publish(messages([1]), timeout_seconds=10)

    assert "s3cret" not in str(caught.value)


def test_broker_that_accepts_and_says_nothing_is_given_up_in_time(
    proxy: Proxy, settings: Settings
) -> None:
    settings.CQRS = {**settings.CQRS, "url": f"{proxy.url}?stack_timeout=0.5"}
    proxy.freeze()
    started = time.monotonic()

    with pytest.raises(TransportError):
        RabbitMQTransport.publisher().publish(messages([1]), timeout_seconds=60)

    assert time.monotonic() - started < 5


def test_unconfirmed_messages_have_failed_when_the_time_is_over(
    proxy: Proxy, publisher: Publisher, consumer: Consumer
) -> None:
    assert publisher.publish(messages([0]), timeout_seconds=10) == [CONFIRMED]
    proxy.freeze()
    started = time.monotonic()

    assert publisher.publish(messages([1, 2]), timeout_seconds=0.5) == [FAILED, FAILED]

    assert time.monotonic() - started < 5


def test_late_confirms_are_not_taken_for_those_of_the_next_batch(
    proxy: Proxy, publisher: Publisher, consumer: Consumer
) -> None:
    publisher.publish(messages([0]), timeout_seconds=10)
    proxy.freeze()
    assert publisher.publish(messages([1, 2]), timeout_seconds=0.3) == [FAILED, FAILED]

    proxy.thaw()

    again = [message(1, key="nobody"), message(2)]
    assert publisher.publish(again, timeout_seconds=10) == [UNROUTABLE, CONFIRMED]


def test_connection_that_is_cut_during_a_batch_is_a_transport_error(
    proxy: Proxy, publisher: Publisher, consumer: Consumer
) -> None:
    publisher.publish(messages([0]), timeout_seconds=10)
    proxy.freeze()

    class CuttingBatch(list[Any]):
        """Cuts the connection when the last message is taken to be sent."""

        def __iter__(self) -> Any:
            yield from super().__iter__()
            proxy.cut()

    with pytest.raises(TransportError):
        publisher.publish(CuttingBatch(messages(range(1000))), timeout_seconds=10)

    proxy.thaw()
    assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]


def test_connection_that_is_lost_while_idle_is_no_error_of_the_next_batch(
    proxy: Proxy, publisher: Publisher, consumer: Consumer
) -> None:
    publisher.publish(messages([0]), timeout_seconds=10)
    proxy.cut()
    publisher.wait(0.1)

    assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]


def test_heartbeats_are_served_while_waiting(
    proxy: Proxy, publisher: Publisher, settings: Settings
) -> None:
    settings.CQRS = {**settings.CQRS, "heartbeat": 1}
    publisher.publish(messages([0]), timeout_seconds=10)

    publisher.wait(4)  # the broker ends a connection that is silent for two heartbeats

    publisher.publish(messages([1]), timeout_seconds=10)
    assert proxy.accepted == 1


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_forked_process_gets_a_connection_of_its_own_and_leaves_the_parents_alone(
    proxy: Proxy, publisher: Publisher
) -> None:
    assert publisher.publish(messages([0]), timeout_seconds=10) == [UNROUTABLE]

    child = os.fork()
    if child == 0:
        try:
            outcomes = publisher.publish(messages([1]), timeout_seconds=10)
            publisher.wait(0.01)
            publisher.close()
            os._exit(0 if outcomes == [UNROUTABLE] else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert proxy.accepted == 2
    assert publisher.publish(messages([2]), timeout_seconds=10) == [UNROUTABLE]
    assert proxy.accepted == 2, "the parent's connection was lost"


class Alarm:
    """The broker's memory alarm."""

    def __init__(self, rabbitmq: RabbitMQServer) -> None:
        self._rabbitmq = rabbitmq

    def go_off(self) -> None:
        self._rabbitmq.ctl("set_vm_memory_high_watermark", "0")

    def clear(self) -> None:
        self._rabbitmq.ctl("set_vm_memory_high_watermark", "0.6")


class TestAlarm:
    """A broker without memory blocks those who publish."""

    @pytest.fixture
    def alarm(self, rabbitmq: RabbitMQServer) -> Iterator[Alarm]:
        alarm = Alarm(rabbitmq)
        yield alarm
        alarm.clear()

    def test_blocked_batch_fails_when_its_time_is_over(
        self, alarm: Alarm, publisher: Publisher, consumer: Consumer
    ) -> None:
        assert publisher.publish(messages([0]), timeout_seconds=10) == [CONFIRMED]
        alarm.go_off()
        started = time.monotonic()

        assert publisher.publish(messages(range(1, 4)), timeout_seconds=1) == [FAILED] * 3

        assert time.monotonic() - started < 6
        alarm.clear()
        assert publisher.publish(messages([4]), timeout_seconds=30) == [CONFIRMED]

    def test_publisher_does_not_stay_blocked_for_longer_than_configured(
        self,
        alarm: Alarm,
        publisher: Publisher,
        consumer: Consumer,
        settings: Settings,
    ) -> None:
        settings.CQRS = {**settings.CQRS, "blocked_connection_timeout": 1}
        alarm.go_off()
        started = time.monotonic()

        with pytest.raises(BrokerUnreachableError, match="Blocked"):
            publisher.publish(messages([1]), timeout_seconds=60)

        assert time.monotonic() - started < 6


class TestBrokerGoesAway:
    """The broker is stopped and killed; what it confirmed, it has."""

    def test_publisher_works_again_after_the_broker_was_away(
        self, rabbitmq: RabbitMQServer, publisher: Publisher, new_consumer: Callable[[], Consumer]
    ) -> None:
        new_consumer().close()
        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]

        with away(rabbitmq.stop, rabbitmq.start):
            for _ in range(2):
                with pytest.raises(TransportError):
                    publisher.publish(messages([2]), timeout_seconds=10)

        assert publisher.publish(messages([2]), timeout_seconds=30) == [CONFIRMED]
        assert numbers(receive(new_consumer(), 2)) == [1, 2]

    @pytest.mark.parametrize("way", ["stop", "kill"])
    def test_nothing_confirmed_is_missing_after_the_broker_went_away_under_load(
        self,
        rabbitmq: RabbitMQServer,
        publisher: Publisher,
        new_consumer: Callable[[], Consumer],
        way: str,
    ) -> None:
        new_consumer().close()
        confirmed: set[int] = set()
        under_way = threading.Event()
        # RabbitMQ writes down the existence of a quorum queue about a second after it says so; a
        # node that is killed before comes back with a queue that never confirms anything.
        queue_is_known_at = time.monotonic() + 2

        def publish_until_it_fails() -> None:
            with contextlib.suppress(TransportError):
                for start in itertools.count(step=100):
                    batch = range(start, start + 100)
                    outcomes = publisher.publish(messages(batch), timeout_seconds=10)
                    assert FAILED not in outcomes
                    confirmed.update(batch)
                    if time.monotonic() > queue_is_known_at:
                        under_way.set()

        with background(publish_until_it_fails):
            assert under_way.wait(timeout=30)
            with away(getattr(rabbitmq, way), rabbitmq.start):
                pass

        def publisher_works_again() -> None:
            # The first try may go unconfirmed: the queue still recovers when the broker listens.
            assert publisher.publish([message(-1)], timeout_seconds=3) == [CONFIRMED]

        eventually(publisher_works_again, within_seconds=30)
        confirmed.add(-1)
        consumer = new_consumer()
        arrived: set[int] = set()
        while batch := consumer.receive(max_messages=1000, timeout_seconds=2):
            arrived.update(numbers(batch))
            consumer.ack(batch)
        assert confirmed <= arrived


@pytest.mark.parametrize("name", ["shop", "a/b", "Ähm & co"])
def test_messages_travel_in_the_virtual_host_of_the_url(
    cqrs: dict[str, Any], settings: Settings, rabbitmq: RabbitMQServer, name: str
) -> None:
    rabbitmq.ctl("add_vhost", name)
    rabbitmq.ctl("set_permissions", "--vhost", name, "test", ".*", ".*", ".*")
    settings.CQRS = {**cqrs, "url": cqrs["url"].rstrip("/") + "/" + quote(name, safe="")}
    consumer, publisher = RabbitMQTransport.consumer(["track"]), RabbitMQTransport.publisher()
    try:
        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]
        assert numbers(receive(consumer, 1)) == [1]
        assert cqrs["queue"] in rabbitmq.ctl("list_queues", "--vhost", name, "name")
        assert cqrs["queue"] not in rabbitmq.ctl("list_queues", "name")
    finally:
        publisher.close()
        consumer.close()
        rabbitmq.ctl("delete_vhost", name)
