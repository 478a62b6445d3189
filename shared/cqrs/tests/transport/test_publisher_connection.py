"""The publisher's connection: refused, frozen, cut, forked."""

import os
import time
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.exceptions import BrokerUnreachableError, TransportError
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.ports import free_ports
from local_stack.proxy import Proxy
from tests.transport.messages import CONFIRMED, FAILED, UNROUTABLE, message, messages


def test_broker_that_is_not_there_is_a_transport_error(
    cqrs: dict[str, Any], settings: Settings
) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://127.0.0.1:{port}/"}

    with pytest.raises(BrokerUnreachableError, match=f"127.0.0.1:{port}.*refused"):
        RabbitMQTransport.publisher().publish(messages([1]), timeout_seconds=10)


def test_a_node_that_is_away_or_hangs_leaves_time_for_the_others(
    cqrs: dict[str, Any], settings: Settings, proxy: Proxy, consumer: Consumer
) -> None:
    (port,) = free_ports(1)
    proxy.freeze()
    nodes = [f"amqp://127.0.0.1:{port}/", f"{proxy.url}?stack_timeout=60", cqrs["url"]]
    settings.CQRS = {**cqrs, "url": ",".join(nodes)}

    for number in range(4):  # in another order each time
        publisher = RabbitMQTransport.publisher()
        assert publisher.publish(messages([number]), timeout_seconds=6) == [CONFIRMED]
        publisher.close()


def test_nodes_that_are_all_away_are_all_named(cqrs: dict[str, Any], settings: Settings) -> None:
    first, second = free_ports(2)
    settings.CQRS = {**cqrs, "url": [f"amqp://127.0.0.1:{port}/" for port in (first, second)]}

    with pytest.raises(BrokerUnreachableError) as caught:
        RabbitMQTransport.publisher().publish(messages([1]), timeout_seconds=10)

    assert f"127.0.0.1:{first}" in str(caught.value)
    assert f"127.0.0.1:{second}" in str(caught.value)


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
