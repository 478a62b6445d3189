"""Previous values of tracked fields: what the database held before the transaction.

Read from the database under the row's lock, not remembered by the instance, which may be stale
or have seen a rollback.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Field, Model

from dj_cqrs.constants import ALL_BASIC_FIELDS
from dj_cqrs.master.revisions import chunks
from dj_cqrs.master.serialization import wire_value

#: Of the key, the revision and its time nothing is said: they never or always change.
_NEVER_TRACKED = frozenset({"cqrs_revision", "cqrs_updated"})


def tracked_fields(model: Any) -> tuple["Field[Any, Any]", ...]:
    """The fields whose previous values are sent; empty where the model tracks none."""
    names = model.CQRS_TRACKED_FIELDS
    fields = model._meta.concrete_fields
    if names == ALL_BASIC_FIELDS:
        return tuple(
            field for field in fields if not field.primary_key and field.name not in _NEVER_TRACKED
        )
    return tuple(field for field in fields if field.name in (names or ()))


def read_previous(model: Any, pks: Iterable[Any], using: str) -> dict[Any, dict[str, Any]]:
    """Locks rows and reads their tracked fields.

    Returns:
        pk -> {field name: value on the wire's terms}, for the rows that exist.
    """
    fields = tracked_fields(model)
    names = [field.attname for field in fields]
    queryset = model._base_manager.using(using).select_for_update().only(*names).order_by("pk")
    return {
        instance.pk: _values(fields, instance)
        for chunk in chunks(list(pks))
        for instance in queryset.filter(pk__in=chunk)
    }


def previous_data(
    model: Any, previous: dict[str, Any] | None, instance: Model
) -> dict[str, Any] | None:
    """What is sent: previous values of the fields that differ now.

    Args:
        model: the master model.
        previous: values before the transaction, empty for a row that is new; None where no
            field of the row itself was changed.
        instance: the row as it is at the end of the transaction.

    Returns:
        Field name -> previous value (None for every value of a new row); None where the model
        tracks nothing.
    """
    fields = tracked_fields(model)
    if not fields:
        return None
    if previous is None:
        return {}
    return {
        name: previous.get(name)
        for name, value in _values(fields, instance).items()
        if value != previous.get(name)
    }


def _values(fields: Iterable["Field[Any, Any]"], instance: Model) -> dict[str, Any]:
    return {field.name: wire_value(field, instance) for field in fields}
