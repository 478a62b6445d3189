"""From the bytes of a delivery to a message that can be judged, or the reason why it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dj_cqrs import conf, keys, wire
from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC, SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ContractError, TransientError
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica import mapping
from dj_cqrs.replica.revision import Incoming
from dj_cqrs.transport.base import Delivery
from dj_cqrs.transport.topology import RoutingKey

if TYPE_CHECKING:
    from dj_cqrs.inbox.models import ParkedMessage

_MAX_REVISION: Final = 2**63 - 1


class Row(NamedTuple):
    """Which row of which master a message is about."""

    cqrs_id: str
    #: The master's primary key as text.
    row_pk: str


class UnknownModelError(TransientError):
    """Raised when no model here has the message's ``CQRS_ID``; the next deploy may bring it.

    It knows the row nevertheless: its tombstone has to be kept as long as the message is.
    """

    def __init__(self, cqrs_id: str, row_pk: str) -> None:
        known = ", ".join(sorted(ReplicaRegistry.models)) or "none"
        super().__init__(f"Model for cqrs_id {cqrs_id} is not found. Known here: {known}.")
        self.row = Row(cqrs_id, row_pk)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it came, from the broker or, with ``parked``, from the inbox."""

    body: bytes
    routing_key: str
    headers: Mapping[str, Any]
    parked: "ParkedMessage | None" = None

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> "RawMessage":
        """Takes what outlives the delivery."""
        return cls(bytes(delivery.body), delivery.routing_key, delivery.headers or {})

    @classmethod
    def from_parked(cls, parked: "ParkedMessage") -> "RawMessage":
        """Takes a parked message up again."""
        return cls(bytes(parked.body), parked.routing_key, parked.headers, parked)

    @property
    def is_retried_by_hand(self) -> bool:
        """Whether somebody said "Retry now": only that lets the attempts start anew."""
        return self.parked is not None and self.parked.attempts == 1


@dataclass(frozen=True, slots=True)
class Message:
    """A message for a model of this service."""

    raw: RawMessage
    payload: TransportPayload
    model: Any
    #: The key that is locked: the master's primary key as text.
    row_pk: str

    @property
    def row(self) -> Row:
        """The row that it is about."""
        return Row(self.payload.cqrs_id, self.row_pk)

    @property
    def signal_type(self) -> SignalType:
        """What happened on the master."""
        return SignalType(self.payload.signal_type)

    @property
    def is_delete(self) -> bool:
        """Whether the row is gone on the master."""
        return self.signal_type is SignalType.DELETE

    @property
    def is_direct(self) -> bool:
        """Whether it was sent to this service's queue alone (known from its routing key only)."""
        queue = RoutingKey.parse(self.raw.routing_key).queue
        return queue is not None and queue == conf.config().queue

    @property
    def is_to_be_ignored(self) -> bool:
        """A broadcast SYNC, for a model that takes only what was sent to this service alone."""
        return (
            self.model.CQRS_ONLY_DIRECT_SYNCS
            and self.signal_type is SignalType.SYNC
            and not self.is_direct
        )

    def incoming(self) -> Incoming:
        """The message's place in the row's history.

        Raises:
            SyncFieldsError: revision or time are missing or malformed.
        """
        data = self.payload.instance_data
        mapping.check_sync_fields(self.model, data)
        return Incoming(
            self.signal_type,
            _revision(data["cqrs_revision"]),
            _moment(data["cqrs_updated"]),
            self.raw.headers.get(REVISIONS_HEADER) == REVISIONS_MONOTONIC,
        )


def read(raw: RawMessage) -> Message:
    """Decodes and validates a message.

    Raises:
        ContractError: it can never be applied.
        UnknownModelError: its model is not known here.
    """
    payload = TransportPayload.from_message(wire.decode(raw.body))
    if isinstance(payload.pk, bool):
        raise ContractError("'instance_pk' is not a primary key.")
    return from_payload(payload, raw)


def from_payload(payload: TransportPayload, raw: RawMessage) -> Message:
    """Finds the model of a payload.

    Raises:
        ContractError: the signal type is none.
        UnknownModelError: the model is not known here.
    """
    if payload.signal_type not in SignalType.__members__:
        raise ContractError(
            f'Bad signal type "{payload.signal_type}" for CQRS_ID "{payload.cqrs_id}".'
        )
    model = ReplicaRegistry.models.get(payload.cqrs_id)
    if model is None:
        raise UnknownModelError(payload.cqrs_id, keys.key_text(payload.pk))
    return Message(raw, payload, model, key_text(model, payload.pk))


def key_text(model: Any, pk: Any) -> str:
    """The text by which a key is locked; the same for every way in which a master writes it."""
    try:
        return keys.key_text(mapping.to_python(model._meta.pk, pk))
    except (AttributeError, mapping.MappingError):
        # Not a model, or keyed by something else than the master's primary key.
        return keys.key_text(pk)


def _revision(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_REVISION:
        return value
    raise mapping.SyncFieldsError(f"{mapping.shortened(value)} is not a revision.")


def _moment(value: Any) -> datetime:
    try:
        return mapping.to_aware(value)
    except mapping.MappingError as error:
        raise mapping.SyncFieldsError(str(error)) from error
