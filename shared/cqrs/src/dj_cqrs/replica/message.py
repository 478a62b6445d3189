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
from dj_cqrs.signing import messages as signing
from dj_cqrs.transport.base import Delivery
from dj_cqrs.transport.topology import RoutingKey

if TYPE_CHECKING:
    from dj_cqrs.inbox.models import ParkedMessage

_MAX_REVISION: Final = 2**63 - 1

#: Among the headers of a parked message: its signature was checked. No broker can set it.
TRUSTED_MARK: Final = "cqrs-signature-checked"


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


class OversizedError(ContractError):
    """Raised when a body is larger than the setting ``max_body_bytes``; nothing of it is read."""


class UntrustedError(ContractError):
    """Raised when a message's signature is missing, or wrong.

    Somebody may add the key that is missing here and retry it, so it says which row it is about.
    """

    def __init__(self, reason: str, row: Row | None) -> None:
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it came, from the broker or, with ``parked``, from the inbox.

    ``is_trusted`` says that its signature was checked before, perhaps by a key that is gone now.
    """

    body: bytes
    routing_key: str
    headers: Mapping[str, Any]
    parked: "ParkedMessage | None" = None
    is_trusted: bool = False

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> "RawMessage":
        """Takes what outlives the delivery."""
        return cls(bytes(delivery.body), delivery.routing_key, delivery.headers or {})

    @classmethod
    def from_parked(cls, parked: "ParkedMessage") -> "RawMessage":
        """Takes a parked message up again."""
        is_trusted = parked.headers.get(TRUSTED_MARK) is True
        return cls(bytes(parked.body), parked.routing_key, parked.headers, parked, is_trusted)

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
    check_size(raw)
    try:
        check_signature(raw)
    except signing.SignatureError as error:
        raise UntrustedError(str(error), _row_of(raw)) from error
    return _read(raw)


def check_size(raw: RawMessage) -> None:
    """Refuses a body that is too large to be looked at.

    Raises:
        OversizedError: it is.
    """
    limit = conf.config().max_body_bytes
    if len(raw.body) > limit:
        raise OversizedError(
            f"The body has {len(raw.body)} bytes; CQRS['max_body_bytes'] is {limit}."
        )


def check_signature(raw: RawMessage) -> None:
    """Refuses what nobody with one of our keys has sent.

    Raises:
        SignatureError: see there.
    """
    if not raw.is_trusted:
        signing.check(raw.headers, routing_key=raw.routing_key, body=raw.body)


def is_trusted(raw: RawMessage) -> bool:
    """Whether a message that was kept may be given another body: one that we stand up for."""
    try:
        check_size(raw)
        check_signature(raw)
    except ContractError:
        return False
    return True


def _read(raw: RawMessage) -> Message:
    payload = TransportPayload.from_message(wire.decode(raw.body))
    if isinstance(payload.pk, bool):
        raise ContractError("'instance_pk' is not a primary key.")
    return from_payload(payload, raw)


def _row_of(raw: RawMessage) -> Row | None:
    """The row that a message says it is about; nothing is done to that row."""
    try:
        return _read(raw).row
    except UnknownModelError as error:
        return error.row
    except Exception:  # noqa: BLE001  whatever is in it
        return None


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
