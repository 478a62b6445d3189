"""``TransportPayload``: one message between the models and a transport."""

import datetime as dt
from typing import Any, Self

from dateutil import parser as dateutil_parser

from dj_cqrs.correlation import get_correlation_id
from dj_cqrs.exceptions import ContractError
from dj_cqrs.utils import get_json_valid_value, get_message_expiration_dt

__all__ = ["TransportPayload"]

_REQUIRED_KEYS = ("instance_pk", "signal_type", "cqrs_id", "instance_data")


class _NegativeRetriesError(ContractError, AssertionError):
    """Raised when a payload is told that it was tried less than zero times."""


class MissingKeyError(ContractError, KeyError):
    """Raised when a body lacks a required key; a ``KeyError`` too, as it is in django-cqrs."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"The body has no {self.key!r}."


class TransportPayload:
    """One message: what happened to which row, and the row's state.

    Args:
        signal_type: ``SignalType`` of the event.
        cqrs_id: ``CQRS_ID`` of the model.
        instance_data: serialized state of the row.
        instance_pk: the row's primary key.
        queue: the single queue to send to; None for every bound queue.
        previous_data: previous values of tracked fields.
        correlation_id: id of the process that the change belongs to; made by the
            ``correlation_function`` setting where it is None.
        expires: aware datetime after which the message is void; None for never.
        retries: attempts made so far.
        meta: metadata of the model or instance.
    """

    def __init__(
        self,
        signal_type: str,
        cqrs_id: str,
        instance_data: dict[str, Any],
        instance_pk: Any,
        queue: str | None = None,
        previous_data: dict[str, Any] | None = None,
        correlation_id: Any = None,
        expires: dt.datetime | None = None,
        retries: int = 0,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self._signal_type = signal_type
        self._cqrs_id = cqrs_id
        self._instance_data = instance_data
        self._pk = instance_pk
        self._queue = queue
        self._previous_data = previous_data
        self._correlation_id = correlation_id or get_correlation_id(
            signal_type, cqrs_id, instance_pk, queue
        )
        self._expires = expires
        self._meta = meta
        self.retries = retries
        #: Set by whoever publishes the payload to the dead letter queue, or again to its own.
        self.is_dead_letter = False
        self.is_requeue = False

    @property
    def signal_type(self) -> str:
        """What happened: a ``SignalType``."""
        return self._signal_type

    @property
    def cqrs_id(self) -> str:
        """``CQRS_ID`` of the model."""
        return self._cqrs_id

    @property
    def instance_data(self) -> dict[str, Any]:
        """Serialized state of the row."""
        return self._instance_data

    @property
    def pk(self) -> Any:
        """The row's primary key."""
        return self._pk

    @property
    def queue(self) -> str | None:
        """The single queue to send to; None for every bound queue."""
        return self._queue

    @property
    def previous_data(self) -> dict[str, Any] | None:
        """Previous values of tracked fields."""
        return self._previous_data

    @property
    def correlation_id(self) -> Any | None:
        """Id of the process that the change belongs to."""
        return self._correlation_id

    @property
    def meta(self) -> dict[str, Any] | None:
        """Metadata of the model or instance."""
        return self._meta

    @property
    def expires(self) -> dt.datetime | None:
        """When the message becomes void; None for never."""
        return self._expires

    @property
    def retries(self) -> int:
        """Attempts made so far; never negative."""
        return self._retries

    @retries.setter
    def retries(self, value: int) -> None:
        if value < 0:
            raise _NegativeRetriesError("Payload retries field should be 0 or positive integer.")
        self._retries = value

    @classmethod
    def from_message(cls, dct: dict[str, Any]) -> Self:
        """Builds a payload from a decoded message body.

        Raises:
            ContractError: a required key is missing or a value has the wrong type.
        """
        _validate(dct)
        return cls(
            dct["signal_type"],
            dct["cqrs_id"],
            dct["instance_data"],
            dct["instance_pk"],
            previous_data=dct.get("previous_data"),
            correlation_id=dct.get("correlation_id"),
            expires=_expires(dct),
            retries=dct.get("retries") or 0,
            meta=dct.get("meta"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The message body: the nine keys of the wire, in their order."""
        expires = self.expires
        return {
            "signal_type": self.signal_type,
            "cqrs_id": self.cqrs_id,
            "instance_data": self.instance_data,
            "previous_data": self.previous_data,
            "instance_pk": get_json_valid_value(self.pk),
            "correlation_id": get_json_valid_value(self.correlation_id),
            "retries": self.retries,
            "expires": expires.replace(microsecond=0).isoformat() if expires else None,
            "meta": self.meta,
        }

    def is_expired(self) -> bool:
        """Whether the message is void by now; one without an expiry never is."""
        return self.expires is not None and self.expires <= dt.datetime.now(dt.UTC)


def _validate(dct: object) -> None:
    if not isinstance(dct, dict):
        raise ContractError(f"The body is a JSON {type(dct).__name__}, not an object.")
    for key in _REQUIRED_KEYS:
        if key not in dct:
            raise MissingKeyError(key)
    _expect(dct, "signal_type", str)
    _expect(dct, "cqrs_id", str)
    _expect(dct, "instance_data", dict)
    _expect(dct, "previous_data", dict, optional=True)
    _expect(dct, "meta", dict, optional=True)
    _expect(dct, "retries", int, optional=True)
    if isinstance(dct["instance_pk"], (dict, list)) or dct["instance_pk"] is None:
        raise ContractError("'instance_pk' is not a primary key.")


def _expect(dct: dict[str, Any], key: str, kind: type, *, optional: bool = False) -> None:
    value = dct.get(key)
    if optional and value is None:
        return
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ContractError(f"{key!r} is of type {type(value).__name__}, not {kind.__name__}.")


def _expires(dct: dict[str, Any]) -> dt.datetime | None:
    if "expires" not in dct:
        return get_message_expiration_dt()
    value = dct["expires"]
    if value is None:
        return None
    try:
        expires = dateutil_parser.parse(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ContractError(f"'expires' is not a date: {value!r}.") from error
    return expires if expires.tzinfo else expires.replace(tzinfo=dt.UTC)
