"""Publishing one payload at once, for masters without an outbox.

Nothing protects a message between the commit and the broker here; that is what the outbox is for.
"""

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Final

from dj_cqrs import wire
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport import undelivered
from dj_cqrs.transport.base import OutgoingMessage, Publisher, PublishOutcome
from dj_cqrs.transport.topology import RoutingKey

logger = logging.getLogger("django-cqrs")

#: Attempts after the first one.
PRODUCER_RETRIES: Final = 1
#: Seconds that one attempt may hold the caller up, once connected.
PUBLISH_SECONDS: Final = 5.0

_REASONS: Final = {
    PublishOutcome.UNROUTABLE: "No queue is bound for its routing key.",
    PublishOutcome.FAILED: "The broker did not confirm it.",
}


class DirectProducer:
    """Publishes with a publisher of the calling thread's own."""

    def __init__(self, make_publisher: Callable[[], Publisher]) -> None:
        self._make_publisher = make_publisher
        self._of_thread = threading.local()

    def produce(self, payload: TransportPayload) -> None:
        """Publishes the payload; logs a failure, since the caller's change is committed."""
        try:
            outcome = self._publish(payload)
        except Exception as error:
            logger.exception("CQRS couldn't be published: %s.", _name(payload))
            undelivered.report(payload, error)
        else:
            _log(payload, outcome)
            if outcome is not PublishOutcome.CONFIRMED:
                undelivered.report(payload, TransportError(_REASONS[outcome]))

    def close(self) -> None:
        """Closes the calling thread's connection, if there is one."""
        publisher: Publisher | None = self._of_thread.__dict__.pop("publisher", None)
        if publisher is not None:
            publisher.close()

    def _publish(self, payload: TransportPayload) -> PublishOutcome:
        message = OutgoingMessage(
            message_id=str(uuid.uuid4()),
            routing_key=str(RoutingKey(payload.cqrs_id, payload.queue)),
            body=wire.encode(payload.to_dict()),
        )
        for _ in range(PRODUCER_RETRIES):
            try:
                return self._publish_message(message)
            except TransportError as error:
                logger.warning(
                    "CQRS couldn't be published: %s. Error: %s. Reconnect...",
                    _name(payload),
                    type(error.__cause__ or error).__name__,
                )
        return self._publish_message(message)

    def _publish_message(self, message: OutgoingMessage) -> PublishOutcome:
        if not hasattr(self._of_thread, "publisher"):
            self._of_thread.publisher = self._make_publisher()
        publisher: Publisher = self._of_thread.publisher
        return publisher.publish([message], timeout_seconds=PUBLISH_SECONDS)[0]


def _log(payload: TransportPayload, outcome: PublishOutcome) -> None:
    if outcome is PublishOutcome.CONFIRMED:
        logger.info(
            "CQRS is published: %s, correlation_id = %s.", _name(payload), payload.correlation_id
        )
    else:
        logger.error("CQRS couldn't be published: %s. %s", _name(payload), _REASONS[outcome])


def _name(payload: TransportPayload) -> str:
    return f"pk = {payload.pk} ({payload.cqrs_id})"
