"""Which models of this service are masters and replicas, by ``CQRS_ID``."""

import logging
from typing import Any, ClassVar

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError

__all__ = ["MasterRegistry", "ReplicaRegistry"]

logger = logging.getLogger("django-cqrs")

#: Characters that mean something in a topic routing key, and those that no key can hold.
_RESERVED = frozenset("*#. \t\r\n")
#: What the columns of outbox and inbox hold.
_MAX_LENGTH = 200


class RegistryMixin:
    """A registry of model classes; each subclass has its own."""

    models: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.models = {}

    @classmethod
    def register_model(cls, model_cls: Any) -> None:
        """Registers a model under its ``CQRS_ID``.

        Raises:
            ConfigurationError: the id is missing, malformed, or taken by another model.
        """
        cls.check_id(model_cls)
        cqrs_id = model_cls.CQRS_ID
        registered = cls.models.get(cqrs_id)
        if registered is not None and not _is_same_model(registered, model_cls):
            raise ConfigurationError(f"Two models can't have the same CQRS_ID: {cqrs_id}.")
        cls.models[cqrs_id] = model_cls

    @classmethod
    def check_id(cls, model_cls: Any) -> None:
        """Checks that a model has a ``CQRS_ID`` that can be a routing key.

        Raises:
            ConfigurationError: the id is missing or malformed.
        """
        cqrs_id = model_cls.CQRS_ID
        if not cqrs_id:
            raise ConfigurationError("CQRS_ID must be set for every model, that uses CQRS.")
        if not isinstance(cqrs_id, str) or _RESERVED & set(cqrs_id):
            raise ConfigurationError(
                f"CQRS_ID {cqrs_id!r} of {model_cls.__name__} must be a string without spaces, "
                "dots and the wildcards * and #: it is a routing key."
            )
        if len(cqrs_id) > _MAX_LENGTH:
            raise ConfigurationError(
                f"CQRS_ID of {model_cls.__name__} is longer than {_MAX_LENGTH} characters."
            )

    @classmethod
    def get_model_by_cqrs_id(cls, cqrs_id: str) -> Any | None:
        """Returns the model with that ``CQRS_ID``, or None with an error in the log."""
        model = cls.models.get(cqrs_id)
        if model is None:
            logger.error("No model with such CQRS_ID: %s.", cqrs_id)
        return model


class MasterRegistry(RegistryMixin):
    """The models whose changes this service sends."""


class ReplicaRegistry(RegistryMixin):
    """The models that this service keeps copies of."""

    @classmethod
    def register_model(cls, model_cls: Any) -> None:
        """Registers a replica model.

        Raises:
            ConfigurationError: see the base class; or ``CQRS['queue']`` is not set.
        """
        if not conf.config().queue:
            raise ConfigurationError(
                "CQRS queue must be set for the service, that has replica models."
            )
        super().register_model(model_cls)


def _is_same_model(first: Any, second: Any) -> bool:
    """A module that is imported again (autoreload) defines the same model again."""
    return (first.__module__, first.__qualname__) == (second.__module__, second.__qualname__)
