"""System checks: mistakes of settings and models, found at start.

Errors with an id of ``FATAL`` are raised in ``AppConfig.ready`` too, since WSGI runs no checks.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import models

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry

#: section, key, smallest value, whether None means "infinite"
_NUMBERS: Final = (
    ("master", "CQRS_MESSAGE_TTL", 1, True),
    ("master", "relay_batch_size", 1, False),
    ("replica", "CQRS_MAX_RETRIES", 0, True),
    ("replica", "CQRS_RETRY_DELAY", 0, False),
    ("replica", "delay_queue_max_size", 1, True),
    ("replica", "batch_size", 1, False),
    ("replica", "tombstone_ttl", 1, False),
    ("replica", "CQRS_QUERY_TIMEOUT", 0, False),
)


def raise_fatal() -> None:
    """Raises the first mistake that makes the service useless.

    Raises:
        ConfigurationError: see the message.
    """
    for error in _fatal():
        raise ConfigurationError(error.msg)


@register(Tags.compatibility)
def check_settings(**_: Any) -> list[CheckMessage]:
    """Checks ``settings.CQRS`` and what is installed."""
    errors: list[CheckMessage] = list(_fatal())
    if not errors and _is_used():
        errors += _ignored_numbers()
    if MasterRegistry.models and not conf.outbox_is_installed():
        errors.append(
            CheckWarning(
                "Master models without an outbox can lose messages.",
                hint="Add 'dj_cqrs.outbox' to INSTALLED_APPS, migrate, and run cqrs_relay.",
                id="dj_cqrs.W001",
            )
        )
    return errors


@register(Tags.models)
def check_models(**_: Any) -> list[CheckMessage]:
    """Checks the declarations of master and replica models."""
    found: list[CheckMessage] = []
    for model in MasterRegistry.models.values():
        found += _silent_foreign_keys(model)
        found += _related_without_transaction(model)
    for model in ReplicaRegistry.models.values():
        if _is_database_model(model):
            found += _replica_constraints(model)
    return found


def _is_used() -> bool:
    return bool(MasterRegistry.models or ReplicaRegistry.models)


def _is_database_model(model: Any) -> bool:
    return issubclass(model, models.Model) and not model.CQRS_NO_DB_OPERATIONS


def _fatal() -> Iterator[Error]:
    if not _is_used():
        return
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("dj_cqrs.E001", conf.config),
        ("dj_cqrs.E002", _transport),
        ("dj_cqrs.E003", _queue),
        ("dj_cqrs.E004", _master),
        ("dj_cqrs.E005", _serializers),
        ("dj_cqrs.E006", _inbox),
    )
    for check_id, step in steps:
        try:
            step()
        except ConfigurationError as error:
            yield Error(str(error), id=check_id)
            return


def _transport() -> None:
    from dj_cqrs.transport.selection import transport_class

    transport_class()


def _queue() -> None:
    config = conf.config()
    if not (ReplicaRegistry.models or "replica" in config.raw):
        return
    if not config.queue:
        raise ConfigurationError("CQRS queue is not set.")
    if not isinstance(config.queue, str):
        raise ConfigurationError("CQRS queue must be string.")


def _master() -> None:
    master = conf.config().master
    if not isinstance(master.auto_update_fields, bool):
        raise ConfigurationError("CQRS master CQRS_AUTO_UPDATE_FIELDS must be bool.")
    if master.correlation_function is not None and not callable(master.correlation_function):
        raise ConfigurationError("CQRS master correlation_function must be callable.")


def _serializers() -> None:
    from dj_cqrs.master.serialization import serializer_class

    for model in MasterRegistry.models.values():
        if model.CQRS_SERIALIZER:
            try:
                serializer_class(model)
            except ImportError as error:
                raise ConfigurationError(f"{error} {error.__cause__}") from error


def _inbox() -> None:
    names = [m.__name__ for m in ReplicaRegistry.models.values() if _is_database_model(m)]
    if names and not conf.inbox_is_installed():
        raise ConfigurationError(
            f"Replica models ({', '.join(sorted(names))}) need the inbox, which keeps order and "
            "failed messages: add 'dj_cqrs.inbox' to INSTALLED_APPS and migrate."
        )


def _ignored_numbers() -> Iterator[CheckWarning]:
    raw = conf.config().raw
    for section, key, minimum, may_be_none in _NUMBERS:
        values = raw.get(section, {})
        if key in values and not conf.is_valid_number(
            values[key], minimum=minimum, may_be_none=may_be_none
        ):
            yield CheckWarning(
                f"CQRS['{section}']['{key}'] = {values[key]!r} is ignored; its default is used.",
                hint=f"It must be a whole number of at least {minimum}"
                + (", or None." if may_be_none else "."),
                id="dj_cqrs.W002",
            )


def _silent_foreign_keys(model: Any) -> Iterator[CheckWarning]:
    """A foreign key that the database's parent deletion empties changes rows without a signal."""
    for field in _foreign_keys(model):
        if field.remote_field.on_delete in (models.SET_NULL, models.SET_DEFAULT):
            yield CheckWarning(
                f"Deleting a {field.related_model.__name__} changes this row without a signal, "
                "so replicas do not learn of it.",
                hint="Use PROTECT or CASCADE, or update the rows with cqrs.bulk_update first.",
                obj=field,
                id="dj_cqrs.W003",
            )
    for field in model._meta.many_to_many:
        yield CheckWarning(
            "Adding to a many-to-many field changes no row, so replicas do not learn of it.",
            hint="Save the row after changing the relation, or replicate the through model.",
            obj=field,
            id="dj_cqrs.W004",
        )


def _related_without_transaction(model: Any) -> Iterator[CheckWarning]:
    """Django announces a save after its transaction, unless somebody has opened one around it."""
    from dj_cqrs.master.related import embedded
    from dj_cqrs.mixins import RawMasterMixin

    for path, related_model in embedded(model).items():
        if not issubclass(related_model, RawMasterMixin):
            yield CheckWarning(
                f"CQRS_RELATED {path!r} leads to {related_model.__name__}, which is no master: "
                "saved outside a transaction, it commits before these rows are recorded.",
                hint="Derive it from MasterMixin, or save it within transaction.atomic().",
                obj=model,
                id="dj_cqrs.W007",
            )


def _replica_constraints(model: Any) -> Iterator[CheckWarning]:
    """Order between rows is not promised, so constraints between rows can fail."""
    for field in _foreign_keys(model):
        if field.db_constraint and field.related_model in ReplicaRegistry.models.values():
            yield CheckWarning(
                "A foreign key with a constraint makes a row wait until its parent has arrived.",
                hint="Declare it with db_constraint=False.",
                obj=field,
                id="dj_cqrs.W005",
            )
    for name in _unique_beside_key(model):
        yield CheckWarning(
            f"{name} is unique: two rows that swap a value cannot be applied one by one.",
            hint="Leave uniqueness to the master.",
            obj=model,
            id="dj_cqrs.W006",
        )


def _foreign_keys(model: Any) -> Iterable[Any]:
    return (field for field in model._meta.concrete_fields if field.is_relation)


def _unique_beside_key(model: Any) -> Iterator[str]:
    for field in model._meta.concrete_fields:
        if field.unique and not field.primary_key:
            yield field.name
    for constraint in model._meta.total_unique_constraints:
        yield " and ".join(constraint.fields)
    for fields in model._meta.unique_together:
        yield " and ".join(fields)
