"""Dead letters that the consumer publishes itself.

What a worker gives up is kept with its reason. What it rejects is the broker's to keep, except for
a queue without a dead letter exchange (django-cqrs declares none): there the broker would drop it.
"""

from typing import Final

from dj_cqrs import conf
from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import Delivery, OutgoingMessage, Publisher, PublishOutcome
from dj_cqrs.transport.rabbit_mq.copies import dead_copy, same_copy
from dj_cqrs.transport.topology import RoutingKey

#: Seconds for the broker to confirm a dead letter.
PUBLISH_SECONDS: Final = 10.0


class DeadLetters:
    """Publishes dead letters, confirmed, before their originals are settled.

    They go through the queue's own dead letter exchange, which routes whatever the routing key
    says: a message of an unknown model must be kept too.
    """

    def __init__(self, queue: str, publisher: Publisher) -> None:
        """Takes over a publisher to the exchange of this dead letter queue."""
        self._queue = queue
        self._publisher = publisher

    def put(self, delivery: Delivery) -> None:
        """Keeps the delivery as it is.

        Raises:
            TransportError: the broker did not confirm it.
        """
        self._publish(same_copy(delivery))

    def put_with_reason(
        self, delivery: Delivery, *, cqrs_id: str | None, body: bytes, reason: str
    ) -> None:
        """Keeps a body in the delivery's place, under the contract's routing key.

        Raises:
            TransportError: the broker did not confirm it.
        """
        message = dead_copy(
            delivery,
            key=None if cqrs_id is None else RoutingKey(cqrs_id, self._queue),
            body=body,
            reason=reason,
            ttl_seconds=conf.config().replica.dead_message_ttl_seconds,
        )
        self._publish(message)

    def _publish(self, message: OutgoingMessage) -> None:
        (outcome,) = self._publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if outcome is not PublishOutcome.CONFIRMED:
            raise TransportError(f"The broker did not keep a dead letter: {outcome.value}.")

    def keep_alive(self) -> None:
        """Serves the connection, if there is one."""
        self._publisher.wait(0)

    def close(self) -> None:
        """Closes the publisher."""
        self._publisher.close()
