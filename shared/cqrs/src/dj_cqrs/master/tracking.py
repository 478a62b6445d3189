"""Previous values of tracked fields: what the database held before the transaction.

Read from the database under the row's lock, not remembered by the instance, which may be stale
or have seen a rollback.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from django.db.models import Field, Model

from dj_cqrs.constants import ALL_BASIC_FIELDS, TRACKED_FIELDS_ATTR_NAME
from dj_cqrs.master.changes import RowChange
from dj_cqrs.master.revisions import chunks
from dj_cqrs.master.serialization import wire_value

#: Stands for an expression, whose value only the database knows.
_UNKNOWN = object()


def tracked_fields(model: Any) -> tuple["Field[Any, Any]", ...]:
    """The fields whose previous values are sent; empty where the model tracks none."""
    names = model.CQRS_TRACKED_FIELDS
    fields = model._meta.concrete_fields
    if names == ALL_BASIC_FIELDS:
        return tuple(
            field for field in fields if not field.primary_key and field.name != "cqrs_updated"
        )
    return tuple(field for field in fields if field.name in (names or ()))


def read_previous(model: Any, pks: Iterable[Any], using: str) -> dict[Any, dict[str, Any]]:
    """Locks rows and reads their tracked fields.

    Returns:
        pk -> {field name: value on the wire's terms}, for the rows that exist.
    """
    fields = tracked_fields(model)
    queryset = _stored(model, using).select_for_update().order_by("pk")
    return {
        row["pk"]: _values(fields, SimpleNamespace(**row))
        for chunk in chunks(list(pks))
        for row in queryset.filter(pk__in=chunk)
    }


def of_change(change: RowChange, instance: Model) -> dict[str, Any] | None:
    """What is sent: previous values of the fields that differ now.

    Args:
        change: what happened to the row.
        instance: the row as it is at the end of the transaction.

    Returns:
        Field name -> previous value (None for every value of a new row); None where the model
        tracks nothing, or where nobody knows.
    """
    if not tracked_fields(change.model) or change.is_previous_unknown:
        return None
    if change.previous is None:
        return {}  # only a row that it embeds has changed
    return differences(change.model, change.previous, instance)


def differences(model: Any, previous: dict[str, Any], instance: Model) -> dict[str, Any]:
    """Previous values of the tracked fields in which an object differs from them."""
    return {
        name: previous.get(name)
        for name, value in _values(tracked_fields(model), instance).items()
        if value != previous.get(name)
    }


def stored_values(instance: Model) -> dict[str, Any]:
    """The tracked fields of an object's row, as the database has them now; empty for no row."""
    if instance._state.adding:
        return {}
    fields = tracked_fields(type(instance))
    row = _stored(type(instance), instance._state.db).filter(pk=instance.pk).first()
    return _values(fields, SimpleNamespace(**row)) if row is not None else {}


def unsaved_changes(instance: Model) -> dict[str, Any]:
    """Stored values of the tracked fields in which an object differs from its row."""
    return differences(type(instance), stored_values(instance), instance)


def remember(instance: Model, previous: dict[str, Any] | None) -> None:
    """Leaves with the user's object what ``get_tracked_fields_data`` says of its last change."""
    if previous is None:
        instance.__dict__.pop(TRACKED_FIELDS_ATTR_NAME, None)
    else:
        instance.__dict__[TRACKED_FIELDS_ATTR_NAME] = previous


def _stored(model: Any, using: str | None) -> Any:
    """Keys and tracked values of a model's rows.

    No objects: an ``__init__`` of the user's that looks at other fields would load each of them.
    """
    names = [field.attname for field in tracked_fields(model)]
    return model._base_manager.using(using).values("pk", *names)


def _values(fields: Iterable["Field[Any, Any]"], instance: Any) -> dict[str, Any]:
    return {field.name: _value(field, instance) for field in fields}


def _value(field: "Field[Any, Any]", instance: Any) -> Any:
    if hasattr(instance.__dict__.get(field.attname), "resolve_expression"):
        return _UNKNOWN
    return wire_value(field, instance)
