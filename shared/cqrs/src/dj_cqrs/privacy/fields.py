"""Which fields of which model are private."""

from typing import Any

from dj_cqrs.registries import MasterRegistry, ReplicaRegistry


def private_names(model: Any) -> frozenset[str]:
    """The names under which a model's private values are found: in payloads, and in columns."""
    declared = frozenset(getattr(model, "CQRS_PRIVATE_FIELDS", ()))
    if not declared:
        return declared
    mapping = getattr(model, "CQRS_MAPPING", None) or {}
    renamed = {mapping[name] for name in declared if name in mapping}
    renamed |= {master for master, name in mapping.items() if name in declared}
    return declared | renamed | _columns(model, declared | renamed)


def names_of(cqrs_id: Any) -> frozenset[str]:
    """The same for whatever models have that ``CQRS_ID`` here."""
    registries = (ReplicaRegistry, MasterRegistry)
    found = [each.models[cqrs_id] for each in registries if cqrs_id in each.models]
    return frozenset[str]().union(*map(private_names, found))


def all_names() -> frozenset[str]:
    """The private names of all models: where nobody knows which model is meant."""
    models = [*ReplicaRegistry.models.values(), *MasterRegistry.models.values()]
    return frozenset[str]().union(*map(private_names, models))


def is_known(cqrs_id: Any) -> bool:
    """Whether some model here says what is private."""
    return cqrs_id in ReplicaRegistry.models or cqrs_id in MasterRegistry.models


def _columns(model: Any, names: frozenset[str]) -> set[str]:
    meta = getattr(model, "_meta", None)
    fields = () if meta is None else meta.concrete_fields
    return {
        word
        for field in fields
        if field.name in names
        for word in (field.name, field.attname, field.column)
    }
