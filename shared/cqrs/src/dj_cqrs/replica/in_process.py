"""Consuming one payload in this process, with what its hook returns: the contract's direct way.

It takes the same decision under the same lock as the workers.
"""

import logging
from typing import Any

from django.db import router, transaction

from dj_cqrs import timeouts
from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.logger import timed_out_queries_logged
from dj_cqrs.replica import hooks, mapping, order_log
from dj_cqrs.replica.message import Message, RawMessage, from_payload
from dj_cqrs.replica.read_only import applying
from dj_cqrs.replica.revision import Decision, Incoming, LocalState, advance, decide

logger = logging.getLogger("django-cqrs")


def call(payload: TransportPayload, model: Any) -> Any:
    """Calls the model's hooks for a payload, unless it is old news.

    Returns:
        The hook's result, or True where there was nothing to do.
    """
    if model.CQRS_NO_DB_OPERATIONS:
        return _call_hook(payload, model)
    using = router.db_for_write(model)
    with transaction.atomic(using=using):
        return _call_under_lock(payload, model, using)


def _call_under_lock(payload: TransportPayload, model: Any, using: str) -> Any:
    from dj_cqrs.replica import ledger, overtaken

    message = from_payload(payload, RawMessage(b"", payload.cqrs_id, {}))
    try:
        incoming = message.incoming()
    except mapping.MappingError as error:
        logger.error("%s", error)  # noqa: TRY400
        return None
    local = ledger.lock(model, [message.row_pk], using)[message.row_pk]
    decision = decide(local, incoming)
    if local is not None and decision is not Decision.APPLY:
        _say(decision, message, incoming, local)
        return _row(message) or True
    with timed_out_queries_logged(using), timeouts.limited(using):
        result = _call_hook(payload, model)
    if result:
        ledger.save(model, {message.row_pk: advance(local, incoming)}, using)
        overtaken.drop({model: {message.row_pk}}, using)
    return result


def _say(decision: Decision, message: Message, incoming: Incoming, local: LocalState) -> None:
    pk, cqrs_id = message.payload.pk, message.payload.cqrs_id
    if local.is_deleted or incoming.signal_type is not SignalType.SAVE:
        logger.warning("CQRS is %s: pk = %s (%s).", decision.value, pk, cqrs_id)
    elif decision is Decision.STALE:
        order_log.stale(logging.ERROR, pk, incoming.revision, local.revision, cqrs_id)
    else:
        order_log.duplicate(logging.ERROR, pk, incoming.revision, cqrs_id)


def _row(message: Message) -> Any:
    """The row that a save would have brought, where the library can find it."""
    if message.is_delete or not hooks.is_written_by_us(message.model, "cqrs_save"):
        return None
    try:
        return message.model.cqrs.find(message.payload.pk)
    except mapping.MappingError:
        return None  # keyed by something else than the master's key


def _call_hook(payload: TransportPayload, model: Any) -> Any:
    meta = {"meta": payload.meta} if model.CQRS_META else {}
    with applying():
        if payload.signal_type == SignalType.DELETE:
            return model.cqrs_delete(payload.instance_data, **meta)
        kwargs = {"sync": True} if payload.signal_type == SignalType.SYNC else {}
        return model.cqrs_save(
            payload.instance_data, previous_data=payload.previous_data, **kwargs, **meta
        )
