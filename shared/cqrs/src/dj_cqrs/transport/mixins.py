"""The log lines of messages on their way. Their texts are a contract: people's alerts read them.

Never a whole payload: it may hold what must not be in a log.
"""

import logging
from datetime import datetime
from typing import Final

from dj_cqrs.dataclasses import TransportPayload

logger = logging.getLogger("django-cqrs")

_TEMPLATE: Final = "CQRS is %s: pk = %s (%s), correlation_id = %s."


class LogHooks:
    """Says what becomes of a message. A transport may override each line as a static method.

    The workers and the producers call the hooks of the transport that the settings name. Where a
    message could not be read, there is no payload and no such line.
    """

    @staticmethod
    def log_consumed(payload: TransportPayload) -> None:
        """A message has come and was understood."""
        _log(logging.INFO, "received", payload)

    @staticmethod
    def log_consumed_accepted(payload: TransportPayload) -> None:
        """A message is done with."""
        _log(logging.INFO, "applied", payload)

    @staticmethod
    def log_consumed_denied(payload: TransportPayload) -> None:
        """A message was refused: the broker keeps it as a dead letter."""
        _log(logging.WARNING, "denied", payload)

    @staticmethod
    def log_consumed_failed(payload: TransportPayload) -> None:
        """An attempt to apply a message failed; ``payload.retries`` tells how many before it."""
        logger.warning(
            "CQRS is failed: pk = %s (%s), correlation_id = %s, retries = %s.",
            *(payload.pk, payload.cqrs_id, payload.correlation_id, payload.retries),
        )

    @staticmethod
    def log_dead_letter(payload: TransportPayload) -> None:
        """A message will not be tried again by itself."""
        _log(logging.WARNING, "added to dead letter queue", payload)

    @staticmethod
    def log_delayed(payload: TransportPayload, delay: float, eta: datetime) -> None:
        """A message will be tried again, ``delay`` seconds from now, at ``eta``."""
        logger.warning(
            "CQRS is delayed: pk = %s (%s), correlation_id = %s, delay = %s sec, eta = %s.",
            *(payload.pk, payload.cqrs_id, payload.correlation_id, delay, eta),
        )

    @staticmethod
    def log_requeued(payload: TransportPayload) -> None:
        """A message was sent to the queue again."""
        _log(logging.WARNING, "requeued", payload)

    @staticmethod
    def log_produced(payload: TransportPayload) -> None:
        """The broker has a message of this service."""
        _log(logging.INFO, "published", payload)


class LoggingMixin(LogHooks):
    """The contract's name: users' transports may name it beside ``BaseTransport``."""


def _log(level: int, what: str, payload: TransportPayload) -> None:
    logger.log(level, _TEMPLATE, what, payload.pk, payload.cqrs_id, payload.correlation_id)
