"""Publishing one payload at once, for masters without an outbox.

Nothing protects a message between the commit and the broker here; that is what the outbox is for.
The caller's change is committed: it must not fail now, nor wait for long.
"""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Final

from dj_cqrs import bodies, conf
from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import BrokerUnreachableError, TransportError
from dj_cqrs.privacy import telling
from dj_cqrs.signing import messages as signing
from dj_cqrs.transport import undelivered
from dj_cqrs.transport.base import OutgoingMessage, Publisher, PublishOutcome
from dj_cqrs.transport.breaker import Breaker
from dj_cqrs.transport.mixins import LoggingMixin
from dj_cqrs.transport.of_thread import PerThread
from dj_cqrs.transport.topology import RoutingKey

logger = logging.getLogger("django-cqrs")

#: Attempts after the first one, where the transport does not say.
PRODUCER_RETRIES: Final = 1

_NO_QUEUE: Final = "No queue is bound for its routing key."


def outgoing(payload: TransportPayload) -> OutgoingMessage:
    """Encodes a payload, with the routing key that the contract gives it.

    The marks ``is_dead_letter`` and ``is_requeue`` are the contract's: a payload that has one goes
    to a queue of this very service.

    Raises:
        ContractError: it holds a value that JSON has no form for, or is too large.
    """
    config = conf.config()
    queue = payload.queue if payload.signal_type == SignalType.SYNC else None
    expiration_seconds = None
    if getattr(payload, "is_dead_letter", False):
        queue = config.replica.dead_letter_queue
        expiration_seconds = config.replica.dead_message_ttl_seconds
    elif getattr(payload, "is_requeue", False):
        queue = config.queue
    routing_key, body = str(RoutingKey(payload.cqrs_id, queue)), bodies.encode(payload)
    return OutgoingMessage(
        message_id=str(uuid.uuid4()),
        routing_key=routing_key,
        body=body,
        headers=signing.signed({}, routing_key=routing_key, body=body),
        expiration_seconds=expiration_seconds,
    )


class DirectProducer:
    """Publishes with a publisher of the calling thread's own, within ``produce_timeout``."""

    def __init__(self, make_publisher: Callable[[], Publisher]) -> None:
        self._publishers: PerThread[Publisher] = PerThread(make_publisher)
        self._breaker = Breaker()

    def produce(
        self,
        payload: TransportPayload,
        *,
        retries: int = PRODUCER_RETRIES,
        log_produced: Callable[[TransportPayload], None] = LoggingMixin.log_produced,
    ) -> None:
        """Publishes the payload; logs a failure.

        Args:
            payload: what to publish.
            retries: attempts after the first one, all within the same time.
            log_produced: called when the broker has the message.
        """
        try:
            outcome = self._publish(payload, retries)
            if outcome is PublishOutcome.CONFIRMED:
                log_produced(payload)
            else:
                logger.error("CQRS couldn't be published: %s. %s", _name(payload), _NO_QUEUE)
                undelivered.report(payload, TransportError(_NO_QUEUE))
        except Exception as error:  # noqa: BLE001  it is logged
            telling.log_exception(
                "CQRS couldn't be published: %s.", _name(payload), error=error, payload=payload
            )
            undelivered.report(payload, error)

    def close(self) -> None:
        """Closes the calling thread's connection, if there is one, and begins in good faith."""
        self._publishers.drop()
        self._breaker.has_worked()

    def _publish(self, payload: TransportPayload, retries: int) -> PublishOutcome:
        message = outgoing(payload)
        budget_seconds = conf.config().produce_timeout_seconds
        if not self._breaker.may_try(longest_seconds=budget_seconds):
            raise BrokerUnreachableError(
                "Not tried: the broker did not answer in time a moment ago."
            )
        started_at = time.monotonic()
        try:
            outcome = self._attempts(payload, message, retries, started_at + budget_seconds)
        except TransportError:
            self._breaker.has_failed(after_seconds=time.monotonic() - started_at)
            raise
        self._breaker.has_worked()
        return outcome

    def _attempts(
        self, payload: TransportPayload, message: OutgoingMessage, retries: int, deadline: float
    ) -> PublishOutcome:
        for left in range(retries, 0, -1):
            try:
                # A connection that died unnoticed must leave time for another one.
                return self._attempt(message, (deadline - time.monotonic()) / (left + 1))
            except TransportError as error:
                logger.warning(
                    "CQRS couldn't be published: %s. Error: %s. Reconnect...",
                    _name(payload),
                    type(error.__cause__ or error).__name__,
                )
        return self._attempt(message, deadline - time.monotonic())

    def _attempt(self, message: OutgoingMessage, seconds: float) -> PublishOutcome:
        (outcome,) = self._publishers.get().publish([message], timeout_seconds=max(seconds, 0.0))
        if outcome is PublishOutcome.FAILED:
            raise TransportError("The broker did not confirm it.")
        return outcome


def _name(payload: TransportPayload) -> str:
    return f"pk = {payload.pk} ({payload.cqrs_id})"
