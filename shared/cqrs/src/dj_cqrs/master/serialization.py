"""From a row to instance data: what the wire says of it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Field, JSONField, Model
from django.db.models.fields.files import FieldFile
from django.utils.module_loading import import_string

from dj_cqrs.constants import ALL_BASIC_FIELDS
from dj_cqrs.master.revisions import chunks
from dj_cqrs.wire import to_plain

#: Of an instance's state: it was read for serialization, with what it embeds.
_IS_FRESH = "cqrs_is_fresh"
_AS_THEY_ARE = (str, int, bool, float)
#: Subclasses (enum members) and containers (arrays) too.
_WITH_A_WIRE_FORM = (*_AS_THEY_ARE, list, tuple, dict, Decimal, date, time, timedelta, UUID)


def serialize(instance: Any, *, using: str | None, reread: bool) -> dict[str, Any]:
    """Serializes one instance with the model's serializer, or its fields where it has none.

    Args:
        instance: instance of a master model.
        using: database for related rows.
        reread: with a serializer, read the row again through ``relate_cqrs_serialization``.

    Raises:
        ImportError: ``CQRS_SERIALIZER`` cannot be imported.
    """
    model = type(instance)
    if model.CQRS_SERIALIZER:
        if reread and not getattr(instance._state, _IS_FRESH, False):
            manager = model._default_manager.using(using or instance._state.db)
            instance = model.relate_cqrs_serialization(manager).get(pk=instance.pk)
        data = dict(serializer_class(model)(instance).data)
    else:
        _resolve_expressions(instance, using)
        data = {
            field.name: wire_value(field, instance)
            for field in sent_fields(model._meta.concrete_model, _hashable(model.CQRS_FIELDS))
        }
    data["cqrs_revision"] = instance.cqrs_revision
    data["cqrs_updated"] = str(instance.cqrs_updated)
    return data


def wire_value(field: "Field[Any, Any]", instance: Any) -> Any:
    """The field's value as the wire has it: one from which ``field.to_python`` makes it again."""
    value = getattr(instance, field.attname)
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, FieldFile):
        return value.name
    if isinstance(value, _WITH_A_WIRE_FORM) or isinstance(field, JSONField):
        return to_plain(value)
    return field.value_to_string(instance)


@cache
def sent_fields(model: type[Model], names: Any) -> tuple["Field[Any, Any]", ...]:
    """The fields that are sent: ``CQRS_FIELDS``, in the model's order."""
    return tuple(
        field
        for field in model._meta.concrete_fields
        if names == ALL_BASIC_FIELDS or field.name in names
    )


def serializer_class(model: Any) -> Any:
    """Imports the model's serializer, once; users find it as ``_cqrs_serializer_class``.

    Raises:
        ImportError: it cannot be imported.
    """
    if "_cqrs_serializer_class" not in vars(model):
        try:
            model._cqrs_serializer_class = import_string(model.CQRS_SERIALIZER)
        except (ImportError, ImproperlyConfigured) as error:
            raise ImportError(f"Model {model}: CQRS_SERIALIZER can't be imported.") from error
    return vars(model)["_cqrs_serializer_class"]


def read_rows(model: Any, pks: Sequence[Any], using: str) -> Iterator[Any]:
    """Reads rows for serialization: in bulk, related rows included, hidden rows too."""
    for chunk in chunks(pks):
        found = set()
        for manager in _managers(model):
            wanted = [pk for pk in chunk if pk not in found]
            if not wanted:
                break
            queryset = model.relate_cqrs_serialization(manager.using(using).all())
            for instance in queryset.filter(pk__in=wanted):
                if instance.pk not in found:
                    found.add(instance.pk)
                    yield instance


def spare_reading(row: Any) -> None:
    """Has ``to_cqrs_dict`` take a row that ``read_rows`` gave as it is, whoever calls it."""
    setattr(row._state, _IS_FRESH, True)


def _managers(model: Any) -> tuple[Any, ...]:
    """The managers to read a model's rows through, until all are found.

    A serializer may count on what the default manager adds. But that one may hide rows (soft
    deletes), and a change of those is sent all the same; and it may refuse to work where nobody is
    logged in, so where there is no serializer nothing is asked of it.
    """
    if model.CQRS_SERIALIZER:
        return model._default_manager, model._base_manager
    return (model._base_manager,)


def _resolve_expressions(instance: Any, using: str | None) -> None:
    """An attribute that holds ``F(...)`` after a save is read from the database."""
    names = [
        field.attname
        for field in instance._meta.concrete_fields
        if hasattr(instance.__dict__.get(field.attname), "resolve_expression")
    ]
    if names:
        instance.refresh_from_db(using=using, fields=names)


def _hashable(names: Iterable[str]) -> Any:
    return names if names == ALL_BASIC_FIELDS else frozenset(names)
