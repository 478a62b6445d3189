"""Payloads of master models: what is said of a row, with the user's hooks asked."""

from typing import Any

from django.utils import timezone

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.master import tracking
from dj_cqrs.master.changes import RowChange
from dj_cqrs.master.saved_object import as_saved
from dj_cqrs.master.serialization import spare_reading
from dj_cqrs.utils import get_message_expiration_dt
from dj_cqrs.wire import to_plain


def of_existing(change: RowChange, fresh: Any, using: str) -> list[TransportPayload]:
    """Payloads for a row that exists at the end of the transaction.

    Args:
        change: what happened to the row.
        fresh: the row, read at the end of the transaction.
        using: database alias.

    Returns:
        One SAVE if the row was changed, and one SYNC for each place that asked for its state;
        nothing if ``is_sync_instance`` says so.
    """
    owner = change.instance if change.instance is not None else fresh
    for mark in change.marks:
        if mark.instance is not None:
            mark.instance.cqrs_revision = fresh.cqrs_revision
    if change.is_changed:
        tracking.remember(owner, tracking.of_change(change, fresh))
    spare_reading(fresh)
    row = as_saved(fresh, owner)
    if not row.is_sync_instance():
        return []
    queues = change.sync_queues
    payloads = []
    if change.is_changed:
        # By position: an override may call its arguments what it likes.
        data, previous = row.to_cqrs_dict(using, sync=False), row.get_tracked_fields_data()
        payloads.append(_payload(SignalType.SAVE, owner, row.pk, data, previous, None))
        # The SAVE goes to every replica, so it answers for a SYNC to all of them.
        queues = [queue for queue in queues if queue is not None]
    if queues:
        data = row.to_cqrs_dict(using, sync=True)
        payloads += [_payload(SignalType.SYNC, owner, row.pk, data, None, each) for each in queues]
    return payloads


def of_deleted(instance: Any, key: Any, revision: int) -> TransportPayload:
    """The payload of a DELETE, made while the user's object still has its key.

    Args:
        instance: the deleted object.
        key: its primary key, as the database had it.
        revision: the row's true revision + 1.
    """
    data = {"id": to_plain(key), "cqrs_revision": revision, "cqrs_updated": str(timezone.now())}
    custom = instance.get_custom_cqrs_delete_data()
    if custom:
        data["custom"] = custom
    return TransportPayload(
        SignalType.DELETE,
        instance.CQRS_ID,
        data,
        key,
        expires=get_message_expiration_dt(),
        meta=instance.get_cqrs_meta(instance_data=data, signal_type=SignalType.DELETE),
    )


def _payload(
    signal_type: SignalType,
    owner: Any,
    pk: Any,
    data: dict[str, Any],
    previous: dict[str, Any] | None,
    queue: str | None,
) -> TransportPayload:
    meta = owner.get_cqrs_meta(instance_data=data, previous_data=previous, signal_type=signal_type)
    return TransportPayload(
        signal_type,
        owner.CQRS_ID,
        data,
        pk,
        queue=queue,
        previous_data=previous,
        expires=get_message_expiration_dt(),
        meta=meta,
    )
