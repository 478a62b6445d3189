"""Writing many rows with few statements, where nobody can notice the difference to one by one."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connections, models
from django.db.models import signals

from dj_cqrs.replica import hooks
from dj_cqrs.replica.read_only import ReplicaObjectsManager, applying
from dj_cqrs.upserts import hits_only_named_rows

_SIGNALS = (
    *(signals.pre_init, signals.post_init),
    *(signals.pre_save, signals.post_save, signals.pre_delete, signals.post_delete),
)
_PLAIN_MANAGERS = (models.Manager, ReplicaObjectsManager)
_PLAIN_PRE_SAVE = (
    models.Field.pre_save,
    models.DateField.pre_save,
    models.DateTimeField.pre_save,
    models.TimeField.pre_save,
)


def can_apply_in_bulk(model: Any, using: str) -> bool:
    """Whether bulk statements have the same effect as a save or delete of each row.

    All of: the library's hooks and managers, no overridden ``save()`` or ``delete()``, no receiver
    of the model's signals, one table, no field that does something when it is saved, and a
    database that can upsert by primary key. Cascades are no obstacle: Django's collector does
    them for a queryset too.
    """
    return (
        hits_only_named_rows(model, using)
        and _is_plain(model)
        and not any(signal.has_listeners(model) for signal in _SIGNALS)
    )


@functools.cache
def _is_plain(model: Any) -> bool:
    return (
        hooks.has_default_hooks(model)
        and not model.CQRS_CUSTOM_SERIALIZATION
        and _has_plain_methods(model)
        and type(model._default_manager) in _PLAIN_MANAGERS
        and type(model._base_manager) is models.Manager
        and not model._meta.parents
        and not model._meta.proxy
        and all(_is_plain_field(field) for field in model._meta.concrete_fields)
    )


def _has_plain_methods(model: Any) -> bool:
    own = ("dj_cqrs.mixins", "django.db.models.base")
    names = ("save", "delete", "save_base", "__init__")
    return all(getattr(model, name).__module__ in own for name in names)


def _is_plain_field(field: Any) -> bool:
    return (
        type(field).pre_save in _PLAIN_PRE_SAVE
        and not getattr(field, "auto_now", False)
        and not getattr(field, "auto_now_add", False)
        and not isinstance(field, models.GeneratedField)
    )


def upsert(model: Any, rows: Iterable[Mapping[str, Any]], using: str) -> None:
    """Creates or updates rows by primary key; other columns of an existing row stay as they are.

    Args:
        model: a model for which ``can_apply_in_bulk`` is true.
        rows: attribute values by attribute name, the primary key and no key twice.
        using: database alias.
    """
    by_names: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        by_names.setdefault(tuple(sorted(row)), []).append(model(**row))
    pk = model._meta.pk
    by_key = connections[using].features.supports_update_conflicts_with_target
    for names, instances in by_names.items():
        with applying():
            model._base_manager.using(using).bulk_create(
                instances,
                update_conflicts=True,
                unique_fields=[pk.name] if by_key else None,
                update_fields=[name for name in names if name != pk.attname],
            )


def delete(model: Any, pks: Sequence[Any], using: str) -> None:
    """Deletes rows by primary key, and what cascades from them."""
    if pks:
        with applying():
            model._base_manager.using(using).filter(pk__in=pks).delete()
