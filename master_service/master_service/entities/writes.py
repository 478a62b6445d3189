"""Create, change and delete a row of any model: the only place that saves one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import CASCADE, Model, ProtectedError

from dj_cqrs.mixins import RawMasterMixin
from master_service.entities.checks import check_new_rows
from master_service.entities.sequences import advance_sequence
from master_service.errors import ConflictError, InvalidInputError, NotFoundError

Entity = TypeVar("Entity", bound=Model)


@transaction.atomic
def entity_create(*, model: type[Entity], values: Mapping[str, Any]) -> Entity:
    """Creates a row.

    Args:
        model: a model of this service, replicated or not.
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
        model: a model of this service, replicated or not.
        items: as the values of ``entity_create``, in the order of the result. That each fits its
            field (length, range) is for the caller to check: here it would be a query a row.

    Raises:
        InvalidInputError: something is wrong with some items; the details say with which.
    """
    check_new_rows(model=model, items=items)
    rows = [model(**item) for item in items]
    # A model that is replicated announces the rows by itself; the plain manager would not.
    name = "cqrs" if issubclass(model, RawMasterMixin) else "_default_manager"
    manager: Any = getattr(model, name)
    entities: list[Entity] = manager.bulk_create(rows)
    if ids := [item["id"] for item in items if "id" in item]:
        advance_sequence(model=model, largest_id=max(ids))
    return entities


@transaction.atomic
def entity_update(*, model: type[Entity], entity_id: int, changes: Mapping[str, Any]) -> Entity:
    """Changes a row, as it is now and not as it was when somebody read it.

    Args:
        model: a model of this service, replicated or not.
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
def entity_delete(*, model: type[Model], entity_id: int) -> None:
    """Deletes a row and what belongs to it (an album's tracks, their price changes).

    Raises:
        NotFoundError: there is no such row.
        ConflictError: other rows still use it.
    """
    entity = entity_lock(model=model, entity_id=entity_id, is_deleted=True)
    _lock_owned(model, [entity_id])
    try:
        entity.delete()
    except ProtectedError as error:
        users = f"rows that still use it: {len(error.protected_objects)}"
        raise ConflictError(f"{_label(model)} {entity_id} cannot be deleted; {users}.") from error


def entity_lock(*, model: type[Entity], entity_id: int, is_deleted: bool = False) -> Entity:
    """Reads a row for a change; others who want to change it wait. Call it in a transaction.

    Args:
        model: a model of this service, replicated or not.
        entity_id: key of the row.
        is_deleted: it will go: those who want to refer to it wait as well.

    Raises:
        NotFoundError: there is no such row.
    """
    rows = model._default_manager.select_for_update(no_key=not is_deleted)
    entity = rows.filter(pk=entity_id).first()
    if entity is None:
        raise NotFoundError(f"{_label(model)} {entity_id} does not exist.")
    return entity


def _lock_owned(model: type[Model], ids: Collection[int]) -> None:
    """Locks what a deletion takes along, from the top down, in the order of the keys.

    Else somebody could add a price change to a track between Django's look at what to delete and
    the deletion, which would fail then.
    """
    for relation in model._meta.related_objects:
        if relation.on_delete is not CASCADE:
            continue
        owned = relation.related_model._default_manager.select_for_update()
        owned = owned.filter(**{f"{relation.field.name}__in": ids}).order_by("pk")
        if owned_ids := list(owned.values_list("pk", flat=True)):
            _lock_owned(relation.related_model, owned_ids)


def _validate(entity: Model) -> None:
    try:
        entity.full_clean()
    except ValidationError as error:
        details = {
            "non_field_errors" if field == "__all__" else field: messages
            for field, messages in error.message_dict.items()
        }
        raise InvalidInputError("The request is not valid.", details) from error


def _label(model: type[Model]) -> str:
    return str(model._meta.verbose_name).capitalize()
