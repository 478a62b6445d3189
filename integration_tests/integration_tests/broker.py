"""The broker as the tests see it: messages put in by hand, queues looked into, copies taken."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from local_stack.servers import RabbitMQServer

EXCHANGE = "cqrs"
#: Says that a message comes from an outbox, whose revisions never restart.
MARKER = {"cqrs-revisions": "monotonic"}

_NOT_FOUND = 404


def create_vhost(server: RabbitMQServer, name: str) -> str:
    """Create a virtual host, a broker of one's own in all but name; returns its AMQP URL.

    For a cluster these are several, separated by commas.
    """
    nodes = [urlsplit(url) for url in server.url.split(",")]
    server.ctl("add_vhost", name)
    server.ctl("set_permissions", "-p", name, str(nodes[0].username), ".*", ".*", ".*")
    path = f"/{quote(name, safe='')}"
    return ",".join(urlunsplit(node._replace(path=path)) for node in nodes)


def vhost(url: str) -> str:
    """The virtual host of an AMQP URL, as rabbitmqctl wants it."""
    return unquote(urlsplit(url.split(",", maxsplit=1)[0]).path.removeprefix("/")) or "/"


@contextmanager
def channel(url: str) -> Iterator[BlockingChannel]:
    """A channel for a few calls, to the first node of a cluster that answers."""
    nodes = [pika.URLParameters(node) for node in url.split(",")]
    for node in nodes:
        node.heartbeat = 0  # a test that waits for something else serves none
    connection = pika.BlockingConnection(nodes)
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def publish(
    url: str,
    routing_key: str,
    *bodies: bytes,
    headers: Mapping[str, Any] | None = None,
    exchange: str = EXCHANGE,
) -> None:
    """Publish bodies in this order; each is in its queues when this returns."""
    messages = [(routing_key, body) for body in bodies]
    publish_all(url, messages, headers=headers, exchange=exchange)


def publish_all(
    url: str,
    messages: Iterable[tuple[str, bytes]],
    *,
    headers: Mapping[str, Any] | None = None,
    exchange: str = EXCHANGE,
) -> None:
    """Publish bodies with their routing keys, in this order."""
    properties = pika.BasicProperties(
        content_type="text/plain",
        delivery_mode=pika.DeliveryMode.Persistent.value,
        headers=dict(MARKER if headers is None else headers),
    )
    with channel(url) as open_channel:
        open_channel.confirm_delivery()
        for routing_key, body in messages:
            open_channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)


def queue_depth(url: str, queue: str) -> int | None:
    """Messages that are ready in a queue; None if there is no such queue."""
    try:
        with channel(url) as open_channel:
            declared = open_channel.queue_declare(queue, passive=True)
            return int(declared.method.message_count)
    except ChannelClosedByBroker as error:
        if error.reply_code != _NOT_FOUND:
            raise
        return None


def consumer_count(url: str, queue: str) -> int:
    """How many consumers a queue has; 0 if there is no such queue."""
    if queue_depth(url, queue) is None:
        return 0
    with channel(url) as open_channel:
        return int(open_channel.queue_declare(queue, passive=True).method.consumer_count)


def delete_queues(url: str, *queues: str) -> None:
    """Delete queues, and the exchanges that dead letters went through."""
    with channel(url) as open_channel:
        for queue in queues:
            open_channel.queue_delete(queue)
            open_channel.exchange_delete(queue)


def bodies(url: str, queue: str) -> list[bytes]:
    """What waits in a queue, which stays there; empty if there is no such queue."""
    depth = queue_depth(url, queue)
    if not depth:
        return []
    with channel(url) as open_channel:
        found = [open_channel.basic_get(queue) for _ in range(depth)]
        # What was not acknowledged goes back to its place when the channel closes.
        return [body for method, _, body in found if method is not None]


def purge(url: str, queue: str) -> None:
    """Drop what waits in a queue."""
    with channel(url) as open_channel:
        open_channel.queue_purge(queue)


def peek(url: str, queue: str) -> list[bytes]:
    """Bodies that are ready in a queue; all of them go back to it."""
    with channel(url) as open_channel:
        bodies = []
        while (got := open_channel.basic_get(queue))[0] is not None:
            bodies.append(got[2])
        open_channel.basic_nack(0, multiple=True, requeue=True)
        return bodies


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it came."""

    routing_key: str
    headers: Mapping[str, Any]
    body: bytes


class Tap:
    """A queue of the test's own that gets a copy of what masters publish."""

    def __init__(self, open_channel: BlockingChannel, queue: str) -> None:
        self._channel = open_channel
        self._queue = queue
        #: Everything that came so far, decoded, in the order of arrival.
        self.messages: list[dict[str, Any]] = []
        #: The same as it came.
        self.published: list[Published] = []

    def read(self) -> list[dict[str, Any]]:
        """Everything that came so far."""
        declared = self._channel.queue_declare(self._queue, passive=True)
        remaining = declared.method.message_count
        if not remaining:
            return self.messages
        # So many together, and not one more; one by one, each would take a round trip.
        self._channel.basic_qos(prefetch_count=remaining)
        for method, properties, body in self._channel.consume(self._queue):
            self.messages.append(json.loads(body, parse_float=Decimal))
            self.published.append(Published(method.routing_key, properties.headers or {}, body))
            remaining -= 1
            if not remaining:
                break
        self._channel.cancel()
        self._channel.basic_ack(method.delivery_tag, multiple=True)
        return self.messages

    def of_row(self, cqrs_id: str, pk: int) -> list[dict[str, Any]]:
        """What came about one row."""
        return [
            message
            for message in self.read()
            if (message["cqrs_id"], message["instance_pk"]) == (cqrs_id, pk)
        ]


@contextmanager
def tap(url: str, *routing_keys: str, exchange: str = EXCHANGE) -> Iterator[Tap]:
    """Listen to what is published with these routing keys ("#": everything)."""
    with channel(url) as open_channel:
        open_channel.exchange_declare(exchange, "topic", durable=True)
        queue = open_channel.queue_declare("", exclusive=True).method.queue
        for key in routing_keys or ("#",):
            open_channel.queue_bind(queue, exchange, key)
        yield Tap(open_channel, queue)
