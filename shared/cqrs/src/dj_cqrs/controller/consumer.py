"""The seam between transports and replica models: in-process consuming, and the worker's start."""

import copy
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import Error

from dj_cqrs import conf
from dj_cqrs.connections import refresh_connections
from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.privacy import telling
from dj_cqrs.registries import ReplicaRegistry

if TYPE_CHECKING:
    from dj_cqrs.transport.base import BaseTransport

logger = logging.getLogger("django-cqrs")


def consume(payload: TransportPayload) -> Any:
    """Applies one payload here and now.

    Returns:
        What the model's hook returned, or True where there was nothing to do (a duplicate, a
        stale message); None or False if it failed (the log says why).
    """
    return _route(copy.deepcopy(payload))


def route_signal_to_replica_model(
    signal_type: str,
    cqrs_id: str,
    instance_data: dict[str, Any],
    previous_data: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    queue: str | None = None,
) -> Any:
    """Applies a signal to the model with that ``CQRS_ID``.

    Args:
        signal_type: type of the event.
        cqrs_id: ``CQRS_ID`` of the model.
        instance_data: state of the master's row.
        previous_data: previous values of tracked fields.
        meta: metadata of the payload.
        queue: the single queue that the message was sent to, if it was.

    Returns:
        As ``consume``.
    """
    model = ReplicaRegistry.models.get(cqrs_id)
    pk = _primary_key(model, instance_data) if model else None
    payload = TransportPayload(
        signal_type, cqrs_id, instance_data, pk, queue, previous_data, correlation_id="", meta=meta
    )
    return _route(payload)


def run(transport: "type[BaseTransport]", cqrs_ids: Collection[str] | None = None) -> None:
    """Consumes from a transport until SIGTERM or SIGINT; what ``transport.consume`` calls."""
    from dj_cqrs.heartbeats import stores
    from dj_cqrs.replica.worker import Worker, stopping_on_signals

    worker = Worker(
        lambda: transport.consumer(cqrs_ids),
        _applier(),
        batch_size=conf.config().replica.batch_size,
        longest_back_off_seconds=transport.CONSUMER_RETRY_TIMEOUT,
        pulse=stores.pulse("worker", stores.of_workers()),
    )
    with stopping_on_signals(worker):
        worker.run()


def _applier() -> Any:
    if conf.inbox_is_installed():
        from dj_cqrs.replica.with_inbox import InboxApplier

        return InboxApplier()
    from dj_cqrs.replica.without_inbox import PlainApplier

    return PlainApplier()


def _route(payload: TransportPayload) -> Any:
    cqrs_id = payload.cqrs_id
    if payload.signal_type not in SignalType.__members__:
        logger.error('Bad signal type "%s" for CQRS_ID "%s".', payload.signal_type, cqrs_id)
        return None
    model = ReplicaRegistry.get_model_by_cqrs_id(cqrs_id)
    if model is None:
        return None
    is_sync = payload.signal_type == SignalType.SYNC
    if model.CQRS_ONLY_DIRECT_SYNCS and is_sync and payload.queue != conf.config().queue:
        return True
    if model.CQRS_NO_DB_OPERATIONS:
        return _call(payload, model)
    refresh_connections()
    try:
        return _call(payload, model)
    except Error as error:
        revision = payload.instance_data.get("cqrs_revision")
        told = telling.about(str(error), payload)
        logger.error(  # noqa: TRY400  (the text is a contract)
            "%s\nCQRS %s error: pk = %s, cqrs_revision = %s (%s).",
            *(told, payload.signal_type, payload.pk, revision, cqrs_id),
        )
        return None


def _call(payload: TransportPayload, model: Any) -> Any:
    from dj_cqrs.replica import in_process

    return in_process.call(payload, model)


def _primary_key(model: Any, instance_data: dict[str, Any]) -> Any:
    """The master's key, as far as instance data alone says: ``id``, or the mapped key."""
    if "id" in instance_data:
        return instance_data["id"]
    meta = getattr(model, "_meta", None)
    if meta is None:
        return None
    mapping = getattr(model, "CQRS_MAPPING", None) or {}
    names = {replica: master for master, replica in mapping.items()}
    return instance_data.get(names.get(meta.pk.name, meta.pk.name))
