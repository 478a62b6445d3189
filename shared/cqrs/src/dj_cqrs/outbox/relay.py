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
from dj_cqrs.fail_points import reach
from dj_cqrs.heartbeats.pulse import NO_PULSE, Pulse
from dj_cqrs.outbox import claims, retention, superseded
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.signing import messages as signing
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

#: What a message that stays is told.
_POSTPONED: Final = (
    *("attempts", "due_at", "is_unroutable", "last_error"),
    *("row_pk", "revision"),
)
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
        self._next_look_at = time.monotonic()

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
                self._remove_expired_if_due()
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
                reach("relay.claimed")
                outcomes = self._publish(messages)
                reach("relay.confirmed")
                published = self._settle(messages, outcomes)
                reach("relay.deleted")
        if published:
            self._pulse.progressed()
        _tell(published)
        return len(messages)

    def _publish(self, messages: Sequence[OutboxMessage]) -> list[PublishOutcome]:
        """The outcome of each message; what is too large is not even sent."""
        sent = [message for message in messages if _excess(message) is None]
        outcomes = dict(zip(sent, self._publish_all(sent), strict=True))
        return [outcomes.get(message, PublishOutcome.FAILED) for message in messages]

    def _publish_all(self, messages: Sequence[OutboxMessage]) -> list[PublishOutcome]:
        outgoing = [_outgoing(message) for message in messages]
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
        done = {message.pk for message in confirmed} | self._needless(kept)
        rows = OutboxMessage.objects.using(self._using)
        reach("relay.deleting")
        rows.filter(pk__in=done).delete()
        rows.bulk_update([message for message in kept if message.pk not in done], _POSTPONED)
        return confirmed

    def _needless(self, kept: Sequence[OutboxMessage]) -> set[int]:
        """Those of the unroutable ones that a later message of their row replaces."""
        needless = superseded.needless(
            [message for message in kept if message.is_unroutable], self._using
        )
        if needless:
            logger.info("CQRS relay: %s messages without a queue are superseded.", len(needless))
        return needless

    def _remove_expired_if_due(self) -> None:
        if time.monotonic() >= self._next_look_at and not retention.remove_expired(self._using):
            self._next_look_at = time.monotonic() + retention.INTERVAL_SECONDS


def _outgoing(message: OutboxMessage) -> OutgoingMessage:
    """Signed now and not when it was recorded: what waits here must survive a change of keys."""
    routing_key, body = message.routing_key, bytes(message.body)
    headers = signing.signed(message.headers, routing_key=routing_key, body=body)
    return OutgoingMessage(str(message.pk), routing_key, body, headers)


def _excess(message: OutboxMessage) -> str | None:
    """Why a message is too large to be sent, or None. The limit may have changed since."""
    size, limit = len(message.body), conf.config().max_body_bytes
    if size <= limit:
        return None
    return f"The body has {size} bytes; CQRS['max_body_bytes'] is {limit}."


def _postpone(message: OutboxMessage, outcome: PublishOutcome) -> None:
    """Waits longer each time: 1, 2, 4 … seconds up to the maximum."""
    delay_seconds = min(2 ** min(message.attempts, 10), MAX_DELAY_SECONDS)
    message.attempts += 1
    message.due_at = timezone.now() + timedelta(seconds=delay_seconds)
    message.is_unroutable = outcome is PublishOutcome.UNROUTABLE
    message.last_error = _excess(message) or _REASONS[outcome]
    if message.attempts == 1:
        logger.warning("CQRS message %s (%s): %s", message.pk, message.cqrs_id, message.last_error)


def _tell(published: Sequence[OutboxMessage]) -> None:
    """Logs what the broker has, by the hook of the transport that users may have overridden."""
    hook = log_hooks.info_hook("log_produced")
    if hook is not None:
        for message in published:
            payload = TransportPayload.from_message(wire.decode(bytes(message.body)))
            log_hooks.call(hook, payload)
