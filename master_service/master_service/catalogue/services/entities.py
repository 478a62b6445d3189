"""Create, change and delete a row of any catalogue model: what holds for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from dj_cqrs.mixins import MasterMixin
from master_service.catalogue.services.checks import check_new_rows
from master_service.catalogue.services.sequences import advance_sequence
from master_service.errors import ConflictError, InvalidInputError, NotFoundError

Entity = TypeVar("Entity", bound=MasterMixin)


@transaction.atomic
def entity_create(*, model: type[Entity], values: Mapping[str, Any]) -> Entity:
    """Creates a row.

    Args:
        model: a model of the catalogue.
        values: attributes of the row, foreign keys as ``<name>_id``; ``id`` if it must have one.

    Raises:
        InvalidInputError: a value is not allowed, a key or a name is taken, a parent is missing.
    """
    entity = model(**values)
    _validate(entity)
    entity.save(force_insert=True)
    if "id" in values:
        advance_sequence(model=model, largest_id=values["id"])
    return entity


@transaction.atomic
def entities_bulk_create(
    *, model: type[Entity], items: Sequence[Mapping[str, Any]]
) -> list[Entity]:
    """Creates many rows, all or none, with a handful of statements and no query a row.

    Args:
        model: a model of the catalogue.
        items: as the values of ``entity_create``, in the order of the result.

    Raises:
        InvalidInputError: something is wrong with some items; the details say with which.
    """
    check_new_rows(model=model, items=items)
    entities: list[Entity] = model.cqrs.bulk_create([model(**item) for item in items])
    if ids := [item["id"] for item in items if "id" in item]:
        advance_sequence(model=model, largest_id=max(ids))
    return entities


@transaction.atomic
def entity_update(*, model: type[Entity], entity_id: int, changes: Mapping[str, Any]) -> Entity:
    """Changes a row, as it is now and not as it was when somebody read it.

    Args:
        model: a model of the catalogue.
        entity_id: key of the row.
        changes: attributes to set, foreign keys as ``<name>_id``.

    Raises:
        NotFoundError: there is no such row.
        InvalidInputError: a value is not allowed, a name is taken, a parent is missing.
    """
    entity = entity_lock(model=model, entity_id=entity_id)
    for name, value in changes.items():
        setattr(entity, name, value)
    _validate(entity)
    entity.save()
    return entity


@transaction.atomic
def entity_delete(*, model: type[MasterMixin], entity_id: int) -> None:
    """Deletes a row and what belongs to it (an album's tracks, their price changes).

    Raises:
        NotFoundError: there is no such row.
        ConflictError: other rows still use it.
    """
    entity = entity_lock(model=model, entity_id=entity_id)
    try:
        entity.delete()
    except ProtectedError as error:
        users = f"rows that still use it: {len(error.protected_objects)}"
        raise ConflictError(f"{_label(model)} {entity_id} cannot be deleted; {users}.") from error


def entity_lock(*, model: type[Entity], entity_id: int) -> Entity:
    """Reads a row for a change; others who want to change it wait. Call it in a transaction.

    Raises:
        NotFoundError: there is no such row.
    """
    rows = model._default_manager.select_for_update()
    entity = cast("Entity | None", rows.filter(pk=entity_id).first())
    if entity is None:
        raise NotFoundError(f"{_label(model)} {entity_id} does not exist.")
    return entity


def _validate(entity: MasterMixin) -> None:
    try:
        entity.full_clean()
    except ValidationError as error:
        details = {
            "non_field_errors" if field == "__all__" else field: messages
            for field, messages in error.message_dict.items()
        }
        raise InvalidInputError("The request is not valid.", details) from error


def _label(model: type[MasterMixin]) -> str:
    return str(model._meta.verbose_name).capitalize()
