"""Messages as tests see them: a payload, and what a broker carries beside it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from django.utils import timezone

from dj_cqrs import wire
from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC, SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport.topology import RoutingKey


class Message(TransportPayload):
    """A payload, with what a broker carries beside its body."""

    #: Whether its master never lets a revision restart, as one with an outbox.
    is_monotonic: bool = False

    @classmethod
    def of(cls, payload: TransportPayload, *, is_monotonic: bool | None = None) -> Self:
        """The message of a payload.

        Args:
            payload: any payload; one of this class is taken as it is said to be.
            is_monotonic: whether it comes from an outbox; None: as the payload says, else not.
        """
        message = cls.__new__(cls)
        vars(message).update(vars(payload))
        if is_monotonic is not None:
            message.is_monotonic = is_monotonic
        return message

    @property
    def routing_key(self) -> str:
        """Where it goes: to every queue that is bound for its model, or to one."""
        return str(RoutingKey(self.cqrs_id, self.queue))

    @property
    def headers(self) -> dict[str, str]:
        """The headers beside the body."""
        return {REVISIONS_HEADER: REVISIONS_MONOTONIC} if self.is_monotonic else {}

    @property
    def body(self) -> bytes:
        """The body as on the wire: a JSON object with nine keys.

        Raises:
            ContractError: it holds a value that JSON has no form for.
        """
        return wire.encode(self.to_dict())

    def __repr__(self) -> str:
        revision = self.instance_data.get("cqrs_revision")
        return f"<{self.signal_type} {self.cqrs_id} {self.pk} at revision {revision}>"


def payload(
    cqrs_id: Any,
    instance_data: Mapping[str, Any],
    *,
    signal_type: str = SignalType.SAVE,
    revision: int = 0,
    updated_at: datetime | None = None,
    pk: Any = None,
    queue: str | None = None,
    previous_data: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    expires: datetime | None = None,
    is_monotonic: bool = True,
) -> Message:
    """Makes a message that no master has sent, for the test of a replica.

    Args:
        cqrs_id: of the model, or a class that has one.
        instance_data: what the master says of the row; revision and time are added. A DELETE has
            its key under ``id``, whatever the key's field is called.
        signal_type: ``SAVE``, ``DELETE`` or ``SYNC``.
        revision: the row's revision: 0 for a new row, one more for each change, a DELETE too.
        updated_at: when the master changed the row; None for now.
        pk: the row's key; None: found in ``instance_data``.
        queue: the single queue that it was sent to; None for every one.
        previous_data: previous values of tracked fields.
        meta: metadata.
        expires: when it becomes void; None for never.
        is_monotonic: whether it comes from a master with an outbox.

    Raises:
        ValueError: the key is not found.
    """
    name: str = getattr(cqrs_id, "CQRS_ID", cqrs_id)
    data = {
        **instance_data,
        "cqrs_revision": revision,
        "cqrs_updated": str(updated_at or timezone.now()),
    }
    if pk is None:
        pk = _key(name, instance_data)
    return Message.of(
        TransportPayload(
            signal_type,
            name,
            data,
            pk,
            queue=queue,
            previous_data=previous_data,
            expires=expires,
            meta=meta,
        ),
        is_monotonic=is_monotonic,
    )


def _key(cqrs_id: str, instance_data: Mapping[str, Any]) -> Any:
    names = ["id"]
    replica: Any = ReplicaRegistry.models.get(cqrs_id)
    if hasattr(replica, "_meta"):
        own = replica._meta.pk.name
        mapping = replica.CQRS_MAPPING or {}
        names += [master for master, mapped in mapping.items() if mapped == own] or [own]
    for name in names:
        if (key := instance_data.get(name)) is not None:
            return key
    raise ValueError(
        f"There is no key in the instance data of {cqrs_id!r}: give the payload a pk."
    )
