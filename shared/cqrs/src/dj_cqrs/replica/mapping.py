"""From a master's instance data to this service's columns: names, required fields, values."""

import base64
import binascii
import functools
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Field, GeneratedField
from django.utils import timezone

from dj_cqrs.exceptions import ContractError, CQRSError
from dj_cqrs.wire import WireNumber

CQRS_FIELDS = ("cqrs_revision", "cqrs_updated")
_CQRS_UPDATED: Final = models.DateTimeField(name="cqrs_updated")


class MappingError(CQRSError):
    """Raised when a payload does not fit its replica model; a deploy may mend it."""


class SyncFieldsError(MappingError, ContractError):
    """Raised when revision or time of a payload are missing or malformed: no deploy mends that."""


def map_instance_data(model: Any, master_data: Mapping[str, Any]) -> dict[str, Any]:
    """Puts a master's instance data under the replica's field names, values as on the wire.

    Decimal fields alone are converted already: their digits would be lost in a float.

    Raises:
        MappingError: something that the replica needs is missing.
    """
    cqrs_id = model.CQRS_ID
    check_sync_fields(model, master_data)
    mapped = _renamed(model, master_data)
    if mapped.get(model._meta.pk.name) is None:
        raise MappingError(f"CQRS PK is not provided in data ({cqrs_id}).")
    if model.CQRS_CUSTOM_SERIALIZATION:
        return mapped
    fields = fields_by_name(model)
    mapped = {name: value for name, value in mapped.items() if name in fields}
    missing = required_names(model) - mapped.keys()
    if missing:
        raise MappingError(
            f"Not all required CQRS fields are provided in data ({cqrs_id}). "
            f"Missing: {', '.join(sorted(missing))}."
        )
    for name, value in mapped.items():
        if isinstance(value, WireNumber) and isinstance(fields[name], models.DecimalField):
            mapped[name] = Decimal(value.text)
    return mapped


def check_sync_fields(model: Any, master_data: Mapping[str, Any]) -> None:
    """Every payload says which state of the row it is.

    Raises:
        SyncFieldsError: this one does not.
    """
    if any(master_data.get(name) is None for name in CQRS_FIELDS):
        raise SyncFieldsError(f"CQRS sync fields are not provided in data ({model.CQRS_ID}).")


def map_previous_data(model: Any, previous_data: dict[str, Any] | None) -> dict[str, Any] | None:
    """Puts previous values under the replica's field names; unmapped models get them as sent.

    No previous value at all is None for the hooks, whatever the master wrote for it.
    """
    mapping = model.CQRS_MAPPING
    if not previous_data or mapping is None:
        return previous_data or None
    fields = fields_by_name(model)
    return {
        mapping[name]: value
        for name, value in previous_data.items()
        if name in mapping and mapping[name] in fields
    }


def to_attributes(model: Any, mapped_data: Mapping[str, Any]) -> dict[str, Any]:
    """Turns mapped data into what a model instance's attributes hold.

    A foreign key, sent under its field name as the raw key, becomes its ``_id`` attribute.

    Raises:
        MappingError: a value does not fit its field.
    """
    fields = fields_by_name(model)
    attributes = {}
    for name, value in mapped_data.items():
        field = fields.get(name)
        if field is None or isinstance(value, models.Model):
            attributes[name] = value
        else:
            attributes[field.attname] = to_python(field, value)
    return attributes


def to_python(field: "Field[Any, Any]", value: Any) -> Any:
    """Converts one wire value to what the field's attribute holds.

    Raises:
        MappingError: the value does not fit.
    """
    if value is None:
        return None
    try:
        return _converted(field, value)
    except ValidationError as error:
        reason = " ".join(error.messages)
    except Exception as error:  # noqa: BLE001  a custom field may raise whatever it likes
        reason = f"{type(error).__name__}: {error}"
    raise MappingError(f"Field {field.name!r} cannot hold {shortened(value)}: {reason}")


def to_aware(value: Any) -> datetime:
    """Reads a moment (text or datetime, naive or aware) as an aware datetime.

    Raises:
        MappingError: it is no date.
    """
    moment = value if isinstance(value, datetime) else to_python(_CQRS_UPDATED, value)
    if not isinstance(moment, datetime):
        raise MappingError("Field 'cqrs_updated' has no value.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def shortened(value: Any, length: int = 80) -> str:
    """The value for a message to people, cut to a length that a log can bear."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


@functools.cache
def fields_by_name(model: Any) -> dict[str, "Field[Any, Any]"]:
    """Columns that a payload may write, by field name."""
    return {
        field.name: field
        for field in model._meta.concrete_fields
        if not isinstance(field, GeneratedField)
    }


@functools.cache
def required_names(model: Any) -> frozenset[str]:
    """Fields that every payload must carry, since nothing else gives them a value."""
    return frozenset(field.name for field in fields_by_name(model).values() if _needs_value(field))


def _needs_value(field: Any) -> bool:
    has_own = field.has_default() or field.has_db_default()
    has_time = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return not (field.null or has_own or has_time)


def _renamed(model: Any, master_data: Mapping[str, Any]) -> dict[str, Any]:
    mapping: Mapping[str, str] | None = model.CQRS_MAPPING
    if mapping is None:
        return dict(master_data)
    mapped = {name: master_data[name] for name in CQRS_FIELDS}
    for master_name, replica_name in mapping.items():
        if master_name not in master_data:
            raise MappingError(f"Bad master-replica mapping for {master_name} ({model.CQRS_ID}).")
        mapped[replica_name] = master_data[master_name]
    return mapped


def _converted(field: Any, value: Any) -> Any:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, models.JSONField):
        return value
    if isinstance(value, list) and hasattr(field, "base_field"):  # an array of PostgreSQL
        return [None if item is None else _converted(field.base_field, item) for item in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if isinstance(field, models.BinaryField):
        return _bytes(value)
    if isinstance(field, models.DecimalField):
        return _decimal(field, value.text if isinstance(value, WireNumber) else value)
    if isinstance(field, models.IntegerField) and isinstance(value, float):
        return _whole(value)
    if isinstance(field, models.CharField | models.TextField) and isinstance(value, WireNumber):
        return value.text
    value = field.to_python(value)
    return in_own_zone(value) if isinstance(value, datetime) else value


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"not base64: {error}") from error


def _decimal(field: "models.DecimalField[Any, Any]", value: Any) -> Decimal:
    """A database rounds what is too fine; too large a number SQLite stores and cannot read."""
    number: Decimal = field.to_python(value)
    whole_digits = number.adjusted() + 1 if number else 0
    if field.max_digits and whole_digits > field.max_digits - (field.decimal_places or 0):
        raise ValueError("it has too many digits")
    return number


def _whole(value: float) -> int:
    """An integer column takes 5.0 but not 5.7: the schemas differ, and nobody would notice."""
    if not value.is_integer():
        raise ValueError("it is not a whole number")
    return int(value)


def in_own_zone(value: datetime) -> datetime:
    """A moment as this service's databases take it: aware with ``USE_TZ``, else naive."""
    if settings.USE_TZ:
        return timezone.make_aware(value) if timezone.is_naive(value) else value
    return timezone.make_naive(value) if timezone.is_aware(value) else value
