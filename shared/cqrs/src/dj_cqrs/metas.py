"""Metaclasses that check a model's CQRS declaration and register it."""

from collections.abc import Collection
from typing import Any

from django.db.models import base

from dj_cqrs.constants import ALL_BASIC_FIELDS
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from dj_cqrs.signals import MasterSignals
from dj_cqrs.tracker import CQRSTracker

__all__ = ["MasterMeta", "ReplicaMeta"]


class MasterMeta(base.ModelBase):
    """Metaclass of master models: declaring one is registering it."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any
    ) -> Any:
        """Creates the model class; abstract ones are not registered."""
        model_cls: Any = super().__new__(cls, name, bases, attrs, **kwargs)
        if _is_proxy_of_registered(model_cls):
            # Its rows are those of the model behind it; Django names the proxy as their sender.
            MasterSignals.register_model(model_cls)
        elif _is_to_be_registered(model_cls):
            MasterMeta.register(model_cls)
        return model_cls

    @staticmethod
    def register(model_cls: Any) -> Any:
        """Checks a master model's declaration, registers it and connects its signals.

        For models that cannot have this metaclass (diamond inheritance, proxies): derive from
        ``RawMasterMixin`` and call this, or decorate the class with it.

        Returns:
            The class.

        Raises:
            ConfigurationError: the declaration is wrong.
        """
        MasterRegistry.check_id(model_cls)
        if model_cls.CQRS_TRACKED_FIELDS is not None:
            _check_tracked_fields(model_cls)
            CQRSTracker.add_to_model(model_cls)
        if model_cls.CQRS_SERIALIZER is None:
            _check_fields(model_cls, "CQRS_FIELDS", model_cls.CQRS_FIELDS)
        elif model_cls.CQRS_FIELDS != ALL_BASIC_FIELDS:
            raise ConfigurationError(
                f"Model {model_cls.__name__}: CQRS_FIELDS can't be set together "
                "with CQRS_SERIALIZER."
            )
        MasterRegistry.register_model(model_cls)
        MasterSignals.register_model(model_cls)
        return model_cls


class ReplicaMeta(base.ModelBase):
    """Metaclass of replica models."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any
    ) -> Any:
        """Creates the model class; abstract ones are not registered."""
        model_cls = super().__new__(cls, name, bases, attrs, **kwargs)
        if _is_to_be_registered(model_cls):
            ReplicaMeta.register(model_cls)
        return model_cls

    @staticmethod
    def register(model_cls: Any) -> Any:
        """Checks a replica's declaration and registers it; also for classes that are no models.

        Returns:
            The class.

        Raises:
            ConfigurationError: the declaration is wrong.
        """
        ReplicaRegistry.check_id(model_cls)
        mapping = getattr(model_cls, "CQRS_MAPPING", None)
        if mapping is not None:
            _check_fields(model_cls, "CQRS_MAPPING", list(mapping.values()))
        ReplicaRegistry.register_model(model_cls)
        return model_cls


def _is_to_be_registered(model_cls: Any) -> bool:
    """Abstract bases are no models yet, whether they have an id or not."""
    return not model_cls._meta.abstract and not model_cls._meta.swapped


def _is_proxy_of_registered(model_cls: Any) -> bool:
    return bool(
        model_cls._meta.proxy
        and MasterRegistry.models.get(model_cls.CQRS_ID) is model_cls._meta.concrete_model
    )


def _check_fields(model_cls: Any, attr: str, names: Any) -> None:
    """``CQRS_FIELDS`` and the values of ``CQRS_MAPPING`` name existing fields, pk included."""
    if names == ALL_BASIC_FIELDS:
        return
    names = list(names)
    if model_cls._meta.pk.name not in names and len(set(names)) == len(names):
        raise ConfigurationError(f"PK is not in {attr} for model {model_cls.__name__}.")
    _check_names(model_cls, attr, names)


def _check_names(model_cls: Any, attr: str, names: Collection[str]) -> None:
    name = model_cls.__name__
    if len(set(names)) != len(names):
        raise ConfigurationError(f"Duplicate names in {attr} field for model {name}.")
    if not {field.name for field in model_cls._meta.concrete_fields}.issuperset(names):
        raise ConfigurationError(f"{attr} field is not correctly set for model {name}.")


def _check_tracked_fields(model_cls: Any) -> None:
    tracked = model_cls.CQRS_TRACKED_FIELDS
    if tracked == ALL_BASIC_FIELDS:
        return
    if not isinstance(tracked, (list, tuple)):
        raise ConfigurationError(
            f"Model {model_cls.__name__}: Invalid configuration for CQRS_TRACKED_FIELDS"
        )
    _check_names(model_cls, "CQRS_TRACKED_FIELDS", tracked)
