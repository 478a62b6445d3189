"""The log lines of consuming. Their texts are a contract: people's alerts look for them.

Never a whole payload: it may hold what must not be in a log.
"""

import logging
from datetime import timedelta
from typing import Any

from django.utils import timezone

from dj_cqrs.replica.message import Message
from dj_cqrs.replica.outcome import Outcome, Result
from dj_cqrs.replica.retry import Fate, Plan

logger = logging.getLogger("django-cqrs")

_MAX_REASON_LENGTH = 500


def received(message: Message) -> None:
    """Says that a message was understood; what became of it is said later."""
    payload = message.payload
    logger.debug(
        "CQRS is received: pk = %s (%s), correlation_id = %s.",
        *(payload.pk, payload.cqrs_id, payload.correlation_id),
    )


def settled(results: list[Result]) -> None:
    """Says what became of messages; failures have been logged when they were kept."""
    for result in results:
        if result.outcome is Outcome.APPLIED and logger.isEnabledFor(logging.INFO):
            logger.info("CQRS is applied: %s.", _subject(result))
        elif result.outcome is Outcome.STALE:
            logger.warning("CQRS is stale, a newer one was applied before: %s.", _subject(result))
        elif result.outcome is not Outcome.FAILED:
            logger.debug("CQRS is %s: %s.", result.outcome.value, _subject(result))


def failed(result: Result, plan: Plan, attempts: int) -> None:
    """Says why a message failed and what happens next."""
    subject, reason = _subject(result), _reason(result.error)
    logger.warning("CQRS is failed: %s, retries = %s. %s", subject, max(attempts - 1, 0), reason)
    if plan.fate is Fate.DEAD:
        logger.warning("CQRS is added to dead letter queue: %s.", subject)
        return
    eta = timezone.now() + timedelta(seconds=plan.delay_seconds)
    logger.info("CQRS is delayed: %s, delay = %s sec, eta = %s.", subject, plan.delay_seconds, eta)


def rejected(result: Result) -> None:
    """Says that the broker has to keep a message, since the inbox cannot."""
    logger.error("CQRS is denied: %s. %s", _subject(result), _reason(result.error))


def broken_policy(policy: Any, error: Exception) -> None:
    """Says that a model's retry hooks raised."""
    logger.error("The retry hooks of %s failed: %s", policy.__name__, error, exc_info=error)


def _subject(result: Result) -> str:
    if result.message is None:
        return f"a message with routing key {result.raw.routing_key!r}"
    payload = result.message.payload
    return f"pk = {payload.pk} ({payload.cqrs_id}), correlation_id = {payload.correlation_id}"


def _reason(error: Exception | None) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= _MAX_REASON_LENGTH else f"{text[:_MAX_REASON_LENGTH]}…"
