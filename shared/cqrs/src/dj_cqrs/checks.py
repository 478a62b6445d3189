"""System checks: mistakes of settings and models, found at start.

Errors are raised in ``AppConfig.ready`` too, since WSGI runs no checks.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import models

from dj_cqrs import _validation, conf, fail_points
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.privacy import checks as private_fields
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry


def at_start() -> None:
    """Raises the first mistake that makes the service useless, and logs what is ignored.

    Raises:
        ConfigurationError: see the message.
    """
    for _, step in _steps():
        step()
    if _validation.is_used():
        _validation.log_ignored(conf.config())


@register(Tags.compatibility)
def check_settings(**_: Any) -> list[CheckMessage]:
    """Checks ``settings.CQRS`` and what is installed."""
    errors: list[CheckMessage] = list(_fatal())
    if not errors and _validation.is_used():
        errors += _ignored()
    if MasterRegistry.models and not conf.outbox_is_installed():
        errors.append(
            CheckWarning(
                "Master models without an outbox can lose messages.",
                hint="Add 'dj_cqrs.outbox' to INSTALLED_APPS, migrate, and run cqrs_relay.",
                id="dj_cqrs.W001",
            )
        )
    return errors


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """Checks what must not be in production."""
    if not fail_points.is_enabled():
        return []
    return [
        CheckWarning(
            "Whoever can write to a directory of this machine can end the processes of this "
            "service: fail points are switched on.",
            hint=f"Unset {fail_points.VARIABLE}; it is for tests.",
            id="dj_cqrs.W010",
        )
    ]


@register(Tags.models)
def check_models(**_: Any) -> list[CheckMessage]:
    """Checks the declarations of master and replica models."""
    found: list[CheckMessage] = []
    for model in MasterRegistry.models.values():
        found += _silent_foreign_keys(model)
        found += _related_without_transaction(model)
        found += private_fields.unknown_to_master(model)
    for model in ReplicaRegistry.models.values():
        if _is_database_model(model):
            found += _replica_constraints(model)
            found += private_fields.unknown_to_replica(model)
    return found


def _is_database_model(model: Any) -> bool:
    return issubclass(model, models.Model) and not model.CQRS_NO_DB_OPERATIONS


def _steps() -> tuple[tuple[str, Callable[[], object]], ...]:
    if not _validation.is_used():
        return ()
    return (
        ("dj_cqrs.E001", conf.config),
        *((check_id, partial(_validate, step)) for check_id, step in _validation.STEPS),
        ("dj_cqrs.E005", _serializers),
        ("dj_cqrs.E006", _inbox),
        ("dj_cqrs.E007", _broker),
        ("dj_cqrs.E009", private_fields.refuse_malformed),
    )


def _fatal() -> Iterator[Error]:
    for check_id, step in _steps():
        try:
            step()
        except ConfigurationError as error:
            yield Error(str(error), id=check_id)
            return


def _validate(step: Callable[[conf.Config], None]) -> None:
    step(conf.config())


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


def _broker() -> None:
    """A mistake in the URL would otherwise show only when the first message is lost."""
    from dj_cqrs.transport.selection import transport_class

    transport_class().check_settings()


def _ignored() -> Iterator[CheckWarning]:
    config = conf.config()
    for text in _validation.ignored_numbers(config):
        yield CheckWarning(text, id="dj_cqrs.W002")
    for text in _validation.ignored_prefetch(config):
        yield CheckWarning(text, id="dj_cqrs.W008")


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
