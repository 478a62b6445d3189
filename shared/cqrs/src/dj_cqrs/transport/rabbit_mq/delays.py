"""Delayed retries: a queue on the broker for each length of delay.

A message waits in a durable queue whose TTL is its delay, and goes from there to the service's
queue. Why so, and not otherwise: docs/adr/0013-delays-in-the-broker.md.
"""

import functools
from typing import Any, Final

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import Delivery, PublishOutcome
from dj_cqrs.transport.delay_steps import rounded_up_ms
from dj_cqrs.transport.rabbit_mq.channel import LinkChannel
from dj_cqrs.transport.rabbit_mq.copies import DELAY_HEADER, delayed_copy
from dj_cqrs.transport.rabbit_mq.declaration import (
    QUORUM,
    Declared,
    Exchange,
    attempt,
    declare_exchange,
    declare_queue,
)
from dj_cqrs.transport.rabbit_mq.link import Link
from dj_cqrs.transport.rabbit_mq.publisher import ConfirmingPublisher
from dj_cqrs.transport.topology import DelayTopology, RoutingKey

#: Seconds for the broker to confirm a message.
PUBLISH_SECONDS: Final = 10.0


class Delays:
    """Publishes messages that come to the service's queue when their delay is over."""

    def __init__(self, topology: DelayTopology, publisher: ConfirmingPublisher) -> None:
        """Takes over a publisher to the delay exchange."""
        self._topology = topology
        self._publisher = publisher

    def put(self, delivery: Delivery, *, cqrs_id: str, body: bytes, delay_seconds: float) -> None:
        """Has the broker keep a body for so long.

        Raises:
            TransportError: the broker did not confirm it.
            ConfigurationError: it does not let us declare the queue of this delay.
        """
        delay_ms = rounded_up_ms(delay_seconds)
        message = delayed_copy(
            delivery,
            key=RoutingKey(cqrs_id, self._topology.queue),
            body=body,
            delay_ms=delay_ms,
        )
        (outcome,) = self._publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if outcome is PublishOutcome.UNROUTABLE:
            # The first message with this delay, or somebody deleted its queue.
            self._publisher.prepare(lambda link: declare_delay(link, self._topology, delay_ms))
            (outcome,) = self._publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if outcome is not PublishOutcome.CONFIRMED:
            raise TransportError(f"The broker did not keep a delayed message: {outcome.value}.")

    def keep_alive(self) -> None:
        """Serves the connection, if there is one."""
        self._publisher.wait(0)

    def close(self) -> None:
        """Closes the publisher."""
        self._publisher.close()


def delay_exchange(topology: DelayTopology) -> Exchange:
    """Where delayed messages are published; their header selects the queue."""
    return Exchange(topology.delay_exchange, kind="headers")


def return_exchange(topology: DelayTopology) -> Exchange:
    """Where a message is published that is for the service's own queue alone."""
    return Exchange(topology.return_exchange, kind="fanout")


def declare_return(link: Link, topology: DelayTopology) -> Declared:
    """Makes sure that delayed messages find the service's queue, whatever their routing key."""
    exchange = return_exchange(topology)
    declared = declare_exchange(link, exchange)
    bind = functools.partial(_bind, topology.queue, exchange.name, None)
    attempt(link, bind, f"the binding of {topology.queue} to {exchange.name}")
    return declared


def declare_delay(link: Link, topology: DelayTopology, delay_ms: int) -> None:
    """Makes sure that there is a queue for this delay."""
    declare_return(link, topology)
    name = topology.delay_queue(delay_ms)
    declare_queue(link, name, _arguments(topology, delay_ms))
    headers = {"x-match": "all", DELAY_HEADER: str(delay_ms)}
    bind = functools.partial(_bind, name, topology.delay_exchange, headers)
    attempt(link, bind, f"the binding of {name}")


def _arguments(topology: DelayTopology, delay_ms: int) -> dict[str, Any]:
    """Frozen when the queue is created; the name says all that may ever differ."""
    return {
        **QUORUM,
        "x-message-ttl": delay_ms,
        "x-dead-letter-exchange": topology.return_exchange,
        # The message stays until the service's queue has confirmed it; needs the overflow below.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _bind(queue: str, exchange: str, headers: dict[str, str] | None, channel: LinkChannel) -> None:
    channel.call(
        channel.amqp.queue_bind, queue=queue, exchange=exchange, routing_key="", arguments=headers
    )
