"""Dead letters of a queue that has no dead letter exchange.

A queue that django-cqrs declared has none, and the broker would drop what is rejected. So the
consumer does by hand what the broker does for the queues that are declared here.
"""

import uuid

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import Delivery, OutgoingMessage, Publisher, PublishOutcome

#: Seconds for the broker to confirm a dead letter.
PUBLISH_SECONDS = 10.0


class DeadLetters:
    """Publishes rejected messages, confirmed, before their originals are settled."""

    def __init__(self, publisher: Publisher) -> None:
        """Takes over a publisher to the dead letter exchange."""
        self._publisher = publisher

    def put(self, delivery: Delivery) -> None:
        """Keeps a copy of the delivery.

        Raises:
            TransportError: the broker did not confirm it.
        """
        message = OutgoingMessage(
            message_id=str(uuid.uuid4()),
            routing_key=delivery.routing_key,
            body=delivery.body,
            headers=delivery.headers,
        )
        (outcome,) = self._publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if outcome is not PublishOutcome.CONFIRMED:
            raise TransportError(f"The broker did not keep a dead letter: {outcome.value}.")

    def close(self) -> None:
        """Closes the publisher."""
        self._publisher.close()
