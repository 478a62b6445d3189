"""Real foreign key constraints between replicas: order of groups, and rows that wait for a parent.

Replicas should declare their foreign keys with ``db_constraint=False``; then nothing here costs
anything. Where a constraint exists, its parent may simply not have arrived yet.
"""

import functools
from collections.abc import Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica import mapping
from dj_cqrs.replica.message import Message, key_text


@functools.cache
def constrained_keys(model: Any) -> tuple[Any, ...]:
    """Foreign keys of a replica model that the database enforces."""
    if not hasattr(model, "_meta"):
        return ()
    return tuple(
        field
        for field in model._meta.concrete_fields
        if field.is_relation and field.db_constraint and not field.primary_key
    )


def parent_models() -> set[Any]:
    """Models to which some replica has an enforced foreign key."""
    return {
        field.related_model
        for model in ReplicaRegistry.models.values()
        for field in constrained_keys(model)
    }


def in_dependency_order(models: Collection[Any]) -> list[Any]:
    """Parents before children, else by ``CQRS_ID``: the order in which all workers lock.

    It is one order of all replicas, so that two workers with different batches agree.
    """
    everyone = sorted(ReplicaRegistry.models.values(), key=lambda model: str(model.CQRS_ID))
    parents = {model: _parents(model) for model in everyone}
    try:
        order = list(TopologicalSorter(parents).static_order())
    except CycleError:
        order = everyone
    return [model for model in order if model in models]


def _parents(model: Any) -> set[Any]:
    return {field.related_model for field in constrained_keys(model)} - {model}


def missing(model: Any, messages: Sequence[Message], using: str) -> dict[int, str]:
    """Finds the messages whose parent row is not here, nor in the same list.

    Returns:
        By position in ``messages``: the name of the missing row (``cqrs_id/key``).
    """
    found: dict[int, str] = {}
    for field in constrained_keys(model):
        wanted = _values(model, field, messages)
        if not wanted:
            continue
        present = _present(field, set(wanted.values()), using)
        if field.related_model is model:
            present |= set(_values(model, field.target_field, messages).values())
        for position, key in wanted.items():
            if key not in present:
                found.setdefault(position, name_of(field.related_model, key))
    return found


def missing_for(message: Message, using: str) -> str | None:
    """The name of the missing parent row of one message, or None."""
    return missing(message.model, [message], using).get(0)


def name_of(model: Any, key: Any) -> str:
    """How a row is named while somebody waits for it."""
    label = getattr(model, "CQRS_ID", None) or model._meta.label_lower
    return f"{label}/{key_text(model, key)}"


def _values(model: Any, field: Any, messages: Sequence[Message]) -> dict[int, Any]:
    """What the saves say of a field, by position; the values that they lack are left out."""
    values = {}
    for position, message in enumerate(messages):
        value = None if message.is_delete else _value(model, field, message.payload.instance_data)
        if value is not None:
            values[position] = value
    return values


def _value(model: Any, field: Any, instance_data: Mapping[str, Any]) -> Any:
    if model.CQRS_CUSTOM_SERIALIZATION:
        return None  # only the hook knows
    names = {replica: master for master, replica in (model.CQRS_MAPPING or {}).items()}
    try:
        return mapping.to_python(field, instance_data.get(names.get(field.name, field.name)))
    except mapping.MappingError:
        return None  # the mapping will say so


def _present(field: Any, keys: set[Any], using: str) -> set[Any]:
    name = field.target_field.attname
    rows = field.related_model._base_manager.using(using).filter(**{f"{name}__in": keys})
    return set(rows.values_list(name, flat=True))
