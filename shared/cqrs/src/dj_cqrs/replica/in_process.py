"""Consuming one payload in this process, with what its hook returns: the contract's direct way.

It takes the same decision under the same lock as the workers.
"""

import logging
from typing import Any

from django.db import router, transaction

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.replica import mapping
from dj_cqrs.replica.message import RawMessage, from_payload
from dj_cqrs.replica.read_only import applying
from dj_cqrs.replica.revision import Decision, advance, decide

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
    from dj_cqrs.replica import ledger

    message = from_payload(payload, RawMessage(b"", payload.cqrs_id, {}))
    try:
        incoming = message.incoming()
    except mapping.MappingError as error:
        logger.error("%s", error)  # noqa: TRY400
        return None
    local = ledger.lock(model, [message.row_pk], using)[message.row_pk]
    decision = decide(local, incoming)
    if decision is not Decision.APPLY:
        logger.warning("CQRS is %s: pk = %s (%s).", decision.value, payload.pk, payload.cqrs_id)
        return True
    result = _call_hook(payload, model)
    if result:
        ledger.save(model, {message.row_pk: advance(local, incoming)}, using)
    return result


def _call_hook(payload: TransportPayload, model: Any) -> Any:
    meta = {"meta": payload.meta} if model.CQRS_META else {}
    with applying():
        if payload.signal_type == SignalType.DELETE:
            return model.cqrs_delete(payload.instance_data, **meta)
        kwargs = {"sync": True} if payload.signal_type == SignalType.SYNC else {}
        return model.cqrs_save(
            payload.instance_data, previous_data=payload.previous_data, **kwargs, **meta
        )
