"""The log lines of consuming: the transport's hooks, and what they have no line for.

Never a whole payload: it may hold what must not be in a log.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import MissingKeyError
from dj_cqrs.exceptions import ContractError, CQRSError
from dj_cqrs.privacy import telling
from dj_cqrs.replica import hooks, order_log
from dj_cqrs.replica.message import Message, UnknownModelError, UntrustedError
from dj_cqrs.replica.outcome import Outcome, Result
from dj_cqrs.replica.retry import Fate, Plan
from dj_cqrs.transport import log_hooks

logger = logging.getLogger("django-cqrs")

_MAX_REASON_LENGTH: Final = 500


def received(messages: Iterable[Message]) -> None:
    """Says that messages were understood; what became of them is said later."""
    hook = log_hooks.info_hook("log_consumed")
    if hook is not None:
        for message in messages:
            log_hooks.call(hook, message.payload)


def settled(results: Iterable[Result]) -> None:
    """Says what became of messages; failures have been logged when they were kept."""
    accepted = log_hooks.info_hook("log_consumed_accepted")
    for result in results:
        if result.message is None or result.outcome in (Outcome.FAILED, Outcome.REJECTED):
            continue
        if result.outcome is not Outcome.IGNORED:
            _order(result.message, result)
        if result.outcome is Outcome.APPLIED and accepted is not None:
            log_hooks.call(accepted, result.message.payload)


def failed(result: Result, plan: Plan, attempts: int) -> None:
    """Says why a message failed, for the how-manieth time, and what happens next."""
    _explain(result)
    if result.message is None:
        return
    payload = result.message.payload
    payload.retries = max(attempts - 1, 0)
    log_hooks.call(log_hooks.hook("log_consumed_failed"), payload)
    if plan.fate is Fate.DEAD:
        payload.is_dead_letter = True
        log_hooks.call(log_hooks.hook("log_dead_letter"), payload)
        return
    delay = plan.delay_seconds
    eta = timezone.now() + timedelta(seconds=delay)
    # "2 sec", as the setting says it.
    shown = int(delay) if delay == int(delay) else delay
    log_hooks.call(log_hooks.hook("log_delayed"), payload, shown, eta)


def requeued(message: Message) -> None:
    """Says that the broker has a message for its next attempt."""
    message.payload.is_requeue = True
    log_hooks.call(log_hooks.hook("log_requeued"), message.payload)


def rejected(result: Result) -> None:
    """Says that the broker has to keep a message as it is, since the inbox cannot."""
    _explain(result)
    if result.message is not None:
        log_hooks.call(log_hooks.hook("log_consumed_denied"), result.message.payload)


def broken_policy(policy: Any, error: Exception, result: Result) -> None:
    """Says that a model's retry hooks raised; they were given the message's own error."""
    payload = result.message.payload if result.message else None
    telling.log_exception(
        "The retry hooks of %s failed.", policy.__name__, error=error, payload=payload
    )


def reason_of(result: Result) -> str:
    """Why a message failed, in one line and without private values."""
    error = result.error
    if error is None:
        return "it failed"
    payload = result.message.payload if result.message else None
    return telling.about(f"{type(error).__name__}: {telling.text_of(error)}", payload)


def _order(message: Message, result: Result) -> None:
    """Tells of what is not the next revision; an overridden ``cqrs_save`` tells of gaps itself."""
    payload, local = message.payload, result.local
    if local is None or (result.outcome is Outcome.APPLIED and not _is_judged_here(message)):
        return
    data = payload.pk, payload.instance_data["cqrs_revision"]
    if result.outcome is Outcome.APPLIED:
        if not local.is_deleted:
            order_log.gap(*data, local.revision, payload.cqrs_id)
    elif local.is_deleted or message.signal_type is not SignalType.SAVE:
        logger.info(
            "CQRS is %s: pk = %s (%s), correlation_id = %s.",
            *(result.outcome.value, payload.pk, payload.cqrs_id, payload.correlation_id),
        )
    elif result.outcome is Outcome.STALE:
        order_log.stale(logging.WARNING, *data, local.revision, payload.cqrs_id)
    else:
        order_log.duplicate(logging.INFO, *data, payload.cqrs_id)


def _is_judged_here(message: Message) -> bool:
    is_save = message.signal_type is SignalType.SAVE
    return is_save and hooks.is_written_by_us(message.model, "cqrs_save")


def _explain(result: Result) -> None:
    """An error, as in django-cqrs, with the traceback of what is none of this library's.

    That a message came too late, or before the row that it points to, is nobody's mistake.
    """
    error = result.error
    is_expected = result.waits_for is not None or isinstance(error, hooks.ExpiredError)
    level = logging.WARNING if is_expected else logging.ERROR
    if error is None or isinstance(error, CQRSError):
        logger.log(level, "%s", _explained(result))
        return
    payload = result.message.payload if result.message else None
    telling.log_exception("%s", _explained(result), error=error, payload=payload, level=level)


def _explained(result: Result) -> str:
    error, where = result.error, f"routing key {result.raw.routing_key!r}"
    reason = reason_of(result)[:_MAX_REASON_LENGTH]
    if isinstance(error, UnknownModelError):
        return str(error)
    if isinstance(error, UntrustedError):
        return f"CQRS is denied: {where}. {reason}"
    if isinstance(error, MissingKeyError):
        return f"CQRS couldn't proceed, {error.key} isn't found in body: {where}."
    if result.message is None and isinstance(error, ContractError):
        return f"CQRS couldn't be parsed: {where}. {reason}"
    return f"CQRS service exception: {reason}"
