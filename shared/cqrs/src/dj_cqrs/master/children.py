"""The order of deletes: a row goes before the rows that its foreign keys point to.

Else a replica with real foreign keys could not follow.
"""

import graphlib
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import Model

from dj_cqrs.master.changes import RowChange

T = TypeVar("T", bound=Hashable)


def children_first(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Orders models so that one comes before those that its foreign keys point to.

    Models that point to each other keep the order given.
    """
    models = list(models)
    return _sorted(
        {
            model: [
                field.related_model
                for field in model._meta.concrete_fields
                if isinstance(field.related_model, type) and field.related_model is not model
            ]
            for model in models
        }
    )


def rows_children_first(changes: Iterable[RowChange]) -> list[RowChange]:
    """Orders the deleted rows of one model so that one comes before those that it points to."""
    by_pk = {change.pk: change for change in changes}
    if not any(change.parents for change in by_pk.values()):
        return list(by_pk.values())
    return [by_pk[pk] for pk in _sorted({pk: change.parents for pk, change in by_pk.items()})]


def parents_of(instance: Model) -> frozenset[Any]:
    """Keys of the rows of its own model that an object points to."""
    model = instance._meta.concrete_model
    keys = (
        getattr(instance, field.attname)
        for field in instance._meta.concrete_fields
        if field.is_relation and field.related_model is model
    )
    return frozenset(key for key in keys if key is not None)


def _sorted(parents: Mapping[T, Iterable[Any]]) -> list[T]:
    """The keys, each before its parents; in the order given where they form a circle."""
    children: dict[T, list[T]] = {key: [] for key in parents}
    for key, above in parents.items():
        for parent in above:
            if parent in children and parent != key:
                children[parent].append(key)
    try:
        return list(graphlib.TopologicalSorter(children).static_order())
    except graphlib.CycleError:
        return list(parents)
