"""A broker, and names on it that no other test uses."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.proxy import Proxy
from local_stack.servers import RabbitMQServer


@pytest.fixture
def cqrs(settings: Settings, rabbitmq: RabbitMQServer) -> dict[str, Any]:
    """``settings.CQRS`` with a fresh exchange and queue."""
    unique = uuid.uuid4().hex[:12]
    settings.CQRS = {
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": rabbitmq.url,
        "exchange": f"exchange-{unique}",
        "queue": f"queue-{unique}",
    }
    names: dict[str, Any] = settings.CQRS
    return names


@pytest.fixture
def transport(cqrs: dict[str, Any]) -> type[RabbitMQTransport]:
    """The transport, on names of its own."""
    return RabbitMQTransport


@pytest.fixture
def proxy(cqrs: dict[str, Any], settings: Settings) -> Iterator[Proxy]:
    """A proxy that the transport's connections go through."""
    with Proxy(cqrs["url"]) as proxy:
        settings.CQRS = {**cqrs, "url": proxy.url}
        yield proxy


@pytest.fixture
def publisher(
    transport: type[RabbitMQTransport], request: pytest.FixtureRequest
) -> Iterator[Publisher]:
    """A publisher, not connected yet."""
    thaw = _thawing(request)
    publisher = transport.publisher()
    yield publisher
    thaw()
    publisher.close()


@pytest.fixture
def new_consumer(
    transport: type[RabbitMQTransport], request: pytest.FixtureRequest
) -> Callable[[], Consumer]:
    """Makes consumers that are closed after the test."""
    thaw = _thawing(request)

    def make() -> Consumer:
        consumer = transport.consumer(["track"])
        request.addfinalizer(consumer.close)
        request.addfinalizer(thaw)
        return consumer

    return make


@pytest.fixture
def consumer(new_consumer: Callable[[], Consumer]) -> Consumer:
    """A consumer of the fresh queue."""
    return new_consumer()


@pytest.fixture
def amqp(rabbitmq: RabbitMQServer) -> Iterator[BlockingChannel]:
    """A plain channel, to look at the broker from outside of the library."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
    yield connection.channel()
    if connection.is_open:
        connection.close()


@pytest.fixture
def bodies_in(amqp: BlockingChannel) -> Callable[[str], list[bytes]]:
    """Takes all messages out of a queue, and returns their bodies."""

    def take(queue: str) -> list[bytes]:
        bodies = []
        while (got := amqp.basic_get(queue, auto_ack=True))[0] is not None:
            bodies.append(got[2])
        return bodies

    return take


def _thawing(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Lets a broker that a test left frozen say good-bye; each close would wait for that."""
    if "proxy" not in request.fixturenames:
        return lambda: None
    proxy: Proxy = request.getfixturevalue("proxy")
    return proxy.thaw
