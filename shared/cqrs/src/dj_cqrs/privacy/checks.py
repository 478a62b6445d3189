"""Mistakes in ``CQRS_PRIVATE_FIELDS``: a name that is misspelt keeps nothing private."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import Warning as CheckWarning

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry


def refuse_malformed() -> None:
    """Refuses what cannot be a list of private fields.

    Raises:
        ConfigurationError: it is none, or names the primary key.
    """
    for model in (*MasterRegistry.models.values(), *ReplicaRegistry.models.values()):
        names = getattr(model, "CQRS_PRIVATE_FIELDS", ())
        if not _are_names(names):
            raise ConfigurationError(
                f"Model {model.__name__}: CQRS_PRIVATE_FIELDS must be a list or tuple of names."
            )
        if _key_names(model) & set(names):
            raise ConfigurationError(
                f"Model {model.__name__}: CQRS_PRIVATE_FIELDS must not name the primary key: "
                "every log line about a row names it."
            )


def unknown_to_master(model: Any) -> Iterator[CheckWarning]:
    """A serializer, and what is sent with a deletion, may hold any name."""
    from dj_cqrs.mixins import RawMasterMixin

    own_delete = model.get_custom_cqrs_delete_data
    if model.CQRS_SERIALIZER or own_delete is not RawMasterMixin.get_custom_cqrs_delete_data:
        return
    yield from _unknown(model, {field.name for field in model._meta.concrete_fields})


def unknown_to_replica(model: Any) -> Iterator[CheckWarning]:
    """Hooks of a model's own may read any name of the payload."""
    from dj_cqrs.replica import hooks

    if model.CQRS_CUSTOM_SERIALIZATION or not hooks.has_default_hooks(model):
        return
    known = {field.name for field in model._meta.concrete_fields}
    yield from _unknown(model, known | set(model.CQRS_MAPPING or ()))


def _unknown(model: Any, known: set[str]) -> Iterator[CheckWarning]:
    if not _are_names(model.CQRS_PRIVATE_FIELDS):
        return
    for name in sorted(set(model.CQRS_PRIVATE_FIELDS) - known):
        yield CheckWarning(
            f"CQRS_PRIVATE_FIELDS names {name!r}, which is no field here: is it misspelt?",
            hint="Where the master sends a field of that name which this model does not keep, "
            "silence this check.",
            obj=model,
            id="dj_cqrs.W011",
        )


def _are_names(names: Any) -> bool:
    is_collection = isinstance(names, list | tuple | set | frozenset)
    return is_collection and all(isinstance(name, str) for name in names)


def _key_names(model: Any) -> set[str]:
    meta = getattr(model, "_meta", None)
    if meta is None:
        return set()
    mapping = getattr(model, "CQRS_MAPPING", None) or {}
    key = meta.pk.name
    return {key, *(master for master, replica in mapping.items() if replica == key)}
