"""Looking at the dead letters in the broker, and taking them out: what ``cqrs_dead_letters`` does.

A queue has no read without delivery: letters are fetched, held unacknowledged, and given back. So
nothing is lost whenever this ends, and nothing is seen twice while it runs.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from pika import spec
from pika.exceptions import AMQPError, ChannelClosed

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import Delivery, PublishOutcome
from dj_cqrs.transport.rabbit_mq.channel import CALL_SECONDS, NOT_FOUND, LinkChannel
from dj_cqrs.transport.rabbit_mq.copies import renewed_copy
from dj_cqrs.transport.rabbit_mq.dead_letters import DeadLetters
from dj_cqrs.transport.rabbit_mq.delays import declare_return
from dj_cqrs.transport.rabbit_mq.errors import lost
from dj_cqrs.transport.rabbit_mq.link import Link
from dj_cqrs.transport.rabbit_mq.publisher import ConfirmingPublisher
from dj_cqrs.transport.topology import DelayTopology, RoutingKey, Topology

#: Seconds for the broker to confirm a letter that is sent again.
PUBLISH_SECONDS: Final = 10.0
#: Seconds for the queue to have again what was given back to it.
GIVE_BACK_SECONDS: Final = 5.0
#: Since RabbitMQ 4 a quorum queue drops what was given back 20 times. A letter that was looked at
#: so often is replaced by a copy, whose count starts anew.
WORN_DELIVERIES: Final = 5

_DELIVERY_COUNT: Final = "x-delivery-count"


class BrokerDeadLetters:
    """A ``DeadLetterQueue``; takes the link and both publishers over."""

    def __init__(
        self,
        link: Link,
        topology: Topology,
        publisher: ConfirmingPublisher,
        keeper: DeadLetters,
    ) -> None:
        """Connects nothing more than the link is.

        Args:
            link: an open connection.
            topology: the names of this service's queues.
            publisher: publishes to the exchange that leads back to the service's queue.
            keeper: publishes to the dead letter queue.
        """
        self._link = link
        self._topology = topology
        self._publisher = publisher
        self._keeper = keeper

    def count(self) -> int:
        """How many letters wait; 0 also where there is no such queue."""
        return self._ask_queue("queue_declare", passive=True)

    def browse(self) -> Iterator[Delivery]:
        """Yields each letter once; all of them stay. Ends when the queue has no more."""
        for fetch, delivery in self._offered():
            yield delivery
            self._refresh_if_worn(fetch, delivery)

    def take(self, handle: Callable[[Delivery], bool]) -> Iterator[Delivery]:
        """Offers each letter to ``handle`` once, and removes those for which it returns True."""
        for fetch, delivery in self._offered():
            if handle(delivery):
                fetch.ack(delivery)
                yield delivery
            else:
                self._refresh_if_worn(fetch, delivery)

    def republish(self, delivery: Delivery, *, cqrs_id: str, body: bytes) -> None:
        """Sends a letter's new body to this service's queue, and waits for the confirm."""
        key = RoutingKey(cqrs_id, self._topology.queue)
        if cqrs_id not in self._topology.cqrs_ids:
            raise TransportError(f"no queue is bound for {key}: this service has no such model")
        message = renewed_copy(delivery, key=key, body=body)
        (outcome,) = self._publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if outcome is PublishOutcome.UNROUTABLE:
            # The first letter that goes back from a service that never had to delay one.
            back = DelayTopology(self._topology.queue)
            self._publisher.prepare(lambda link: declare_return(link, back))
            (outcome,) = self._publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if outcome is not PublishOutcome.CONFIRMED:
            raise TransportError("the broker did not confirm it")

    def purge(self) -> int:
        """Removes all letters."""
        return self._ask_queue("queue_purge")

    def close(self) -> None:
        """Closes the connections; safe to call twice."""
        self._publisher.close()
        self._keeper.close()
        self._link.close()

    def _ask_queue(self, method: str, **arguments: Any) -> int:
        channel = LinkChannel(self._link)
        try:
            answer = channel.call(
                getattr(channel.amqp, method), queue=self._topology.dead_letter_queue, **arguments
            )
        except ChannelClosed as error:
            if error.reply_code == NOT_FOUND:
                return 0
            raise lost(self._link.where, error) from error
        finally:
            channel.close()
        return int(answer.method.message_count)

    def _offered(self) -> Iterator[tuple["_Fetch", Delivery]]:
        """Letters that are there now, on a channel of their own; what is not acked goes back.

        Not more than there were at first: a letter that fails again meanwhile waits for next time.
        """
        count = self.count()
        if not count:
            return
        fetch = _Fetch(LinkChannel(self._link), self._topology.dead_letter_queue)
        try:
            for _ in range(count):
                delivery = fetch.next()
                if delivery is None:
                    return
                yield fetch, delivery
        finally:
            if fetch.is_open:
                self._give_back(fetch)

    def _give_back(self, fetch: "_Fetch") -> None:
        """Returns what is held, and waits until the queue has it: it is counted right after."""
        expected = self.count() + fetch.held
        fetch.close()
        until = time.monotonic() + GIVE_BACK_SECONDS
        while fetch.held and self.count() < expected and time.monotonic() < until:
            self._link.run(lambda: False, timeout_seconds=0.01)

    def _refresh_if_worn(self, fetch: "_Fetch", delivery: Delivery) -> None:
        deliveries = delivery.headers.get(_DELIVERY_COUNT, 0)
        if not isinstance(deliveries, int) or deliveries < WORN_DELIVERIES:
            return
        self._keeper.put(delivery)
        fetch.ack(delivery)


class _Fetch:
    """Fetches single messages, and never waits for one that is not there."""

    def __init__(self, channel: LinkChannel, queue: str) -> None:
        self._channel = channel
        self._queue = queue
        self._answers: list[Delivery | None] = []
        #: How many were fetched and not acknowledged.
        self.held = 0
        channel.amqp.add_callback(self._on_empty, [spec.Basic.GetEmpty], one_shot=False)

    @property
    def is_open(self) -> bool:
        """Whether the broker still waits for what is held."""
        return bool(self._channel.amqp.is_open)

    def next(self) -> Delivery | None:
        """The next message, or None where there is none."""
        channel, link = self._channel, self._channel.link
        self._answers.clear()
        try:
            channel.amqp.basic_get(self._queue, callback=self._on_message)
        except AMQPError as error:
            raise lost(link.where, error) from error
        answered = link.run(
            lambda: bool(self._answers) or channel.is_closed, timeout_seconds=CALL_SECONDS
        )
        channel.check()
        if not answered:
            raise TransportError(f"The broker at {link.where} did not answer basic.get.")
        return self._answers[0]

    def ack(self, delivery: Delivery) -> None:
        """Removes one message for good."""
        self._channel.amqp.basic_ack(delivery.tag)
        self.held -= 1

    def close(self) -> None:
        """Returns what is held by hand: losing the channel would count as a failure of each."""
        self._channel.amqp.basic_nack(delivery_tag=0, multiple=True, requeue=True)
        self._channel.close()

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        key = method.routing_key
        self.held += 1
        self._answers.append(
            Delivery(
                body=body,
                routing_key=key if isinstance(key, str) else key.decode("utf-8", "replace"),
                headers=properties.headers or {},
                redelivered=method.redelivered,
                tag=method.delivery_tag,
            )
        )

    def _on_empty(self, _frame: Any) -> None:
        self._answers.append(None)
