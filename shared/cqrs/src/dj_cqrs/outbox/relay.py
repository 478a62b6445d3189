"""The relay: publishes what the outbox holds, and deletes what the broker confirmed.

A message leaves the outbox only after every queue it was routed to has it. What was refused,
returned or not confirmed stays, and is tried again later.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from dj_cqrs import conf, wire
from dj_cqrs.connections import refresh_connections
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import BrokerUnreachableError, ConfigurationError, TransportError
from dj_cqrs.heartbeats.pulse import NO_PULSE, Pulse
from dj_cqrs.outbox import claims
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.transport import log_hooks
from dj_cqrs.transport.base import OutgoingMessage, Publisher, PublishOutcome

logger = logging.getLogger("django-cqrs")

#: For how long one claim may hold its rows.
PUBLISH_TIMEOUT_SECONDS: Final = 30.0
#: Idle polls start here and double up to the maximum.
MIN_IDLE_SECONDS: Final = 0.005
MAX_IDLE_SECONDS: Final = 0.1
#: While the broker or the database is away.
MAX_BACKOFF_SECONDS: Final = 5.0
#: Longest delay of a message that the broker refused or could not route.
MAX_DELAY_SECONDS: Final = 60

#: What passes. A wrong setting is found at start; later, it is a password being rotated, or a
#: right that somebody is about to give back.
_PASSING: Final = (TransportError, ConfigurationError, DatabaseError, InterfaceError)

_REASONS: Final = {
    PublishOutcome.UNROUTABLE: "No queue is bound for this routing key.",
    PublishOutcome.FAILED: "The broker refused the message or did not confirm it in time.",
}


class Relay:
    """Moves messages from one database's outbox to the broker. Several may run side by side."""

    def __init__(
        self, publisher: Publisher, *, using: str, batch_size: int, pulse: Pulse = NO_PULSE
    ) -> None:
        """Creates a relay.

        Args:
            publisher: where to publish; closed by the caller.
            using: database alias of the outbox.
            batch_size: messages to claim at once.
            pulse: says how the relay gets on.
        """
        self._publisher = publisher
        self._using = using
        self._batch_size = batch_size
        self._pulse = pulse
        #: Smaller after a lost connection: a message that the broker hangs up on must end up
        #: alone, or it would hold up the others for ever.
        self._limit = batch_size

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Relays until told to stop; finishes the batch in hand. Survives broker and database."""
        idle_seconds = MIN_IDLE_SECONDS
        backoff_seconds = MIN_IDLE_SECONDS
        while not should_stop():
            self._pulse.beat()
            try:
                if self.relay_batch():
                    idle_seconds = MIN_IDLE_SECONDS
                else:
                    self._pulse.rests()
                    self._publisher.wait(idle_seconds)
                    idle_seconds = min(idle_seconds * 2, MAX_IDLE_SECONDS)
                backoff_seconds = MIN_IDLE_SECONDS
            except _PASSING as error:
                logger.warning("CQRS relay waits: %s: %s", type(error).__name__, error)
                self._pulse.fails(f"{type(error).__name__}: {error}")
                backoff_seconds = min(backoff_seconds * 2, MAX_BACKOFF_SECONDS)
                time.sleep(backoff_seconds * random.uniform(0.5, 1))  # noqa: S311 - jitter
            refresh_connections()
        self._pulse.close()

    def relay_batch(self) -> int:
        """Claims, publishes and settles one batch.

        Returns:
            How many messages were claimed.

        Raises:
            TransportError: the broker cannot be reached; the messages stay as they were.
            DatabaseError: the database cannot be reached.
        """
        published: list[OutboxMessage] = []
        max_bytes = conf.config().master.relay_batch_bytes
        with claims.claim(self._using, self._limit, max_bytes) as messages:
            if messages:
                outcomes = self._publish(messages)
                published = self._settle(messages, outcomes)
        if published:
            self._pulse.progressed()
        _tell(published)
        return len(messages)

    def _publish(self, messages: Sequence[OutboxMessage]) -> list[PublishOutcome]:
        outgoing = [
            OutgoingMessage(
                str(message.pk), message.routing_key, bytes(message.body), message.headers
            )
            for message in messages
        ]
        try:
            outcomes = self._publisher.publish(outgoing, timeout_seconds=PUBLISH_TIMEOUT_SECONDS)
        except BrokerUnreachableError:
            raise
        except TransportError:
            if len(messages) > 1:
                self._limit = max(1, len(messages) // 2)
                raise
            logger.exception("CQRS relay: publishing message %s failed", messages[0].pk)
            return [PublishOutcome.FAILED]
        self._limit = min(self._batch_size, self._limit * 2)
        return outcomes

    def _settle(
        self, messages: Sequence[OutboxMessage], outcomes: Sequence[PublishOutcome]
    ) -> list[OutboxMessage]:
        confirmed, kept = [], []
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome is PublishOutcome.CONFIRMED:
                confirmed.append(message)
            else:
                kept.append(message)
                _postpone(message, outcome)
        rows = OutboxMessage.objects.using(self._using)
        rows.filter(pk__in=[message.pk for message in confirmed]).delete()
        rows.bulk_update(kept, ["attempts", "due_at", "is_unroutable", "last_error"])
        return confirmed


def _postpone(message: OutboxMessage, outcome: PublishOutcome) -> None:
    """Waits longer each time: 1, 2, 4 … seconds up to the maximum."""
    delay_seconds = min(2 ** min(message.attempts, 10), MAX_DELAY_SECONDS)
    message.attempts += 1
    message.due_at = timezone.now() + timedelta(seconds=delay_seconds)
    message.is_unroutable = outcome is PublishOutcome.UNROUTABLE
    message.last_error = _REASONS[outcome]
    if message.attempts == 1:
        logger.warning("CQRS message %s (%s): %s", message.pk, message.cqrs_id, message.last_error)


def _tell(published: Sequence[OutboxMessage]) -> None:
    """Logs what the broker has, by the hook of the transport that users may have overridden."""
    hook = log_hooks.info_hook("log_produced")
    if hook is not None:
        for message in published:
            payload = TransportPayload.from_message(wire.decode(bytes(message.body)))
            log_hooks.call(hook, payload)
