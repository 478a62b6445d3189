"""A DELETE must not take rows with it that are newer than itself.

Deleting a row here deletes (or empties the foreign keys of) those that point to it. Where the key
was used again on the master, some of those may belong to the new row, whose message has not come
yet; nobody would send them again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import DO_NOTHING, PROTECT, RESTRICT

from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica import mapping
from dj_cqrs.replica.message import Message
from dj_cqrs.replica.parents import name_of

_WITHOUT_EFFECT = (DO_NOTHING, PROTECT, RESTRICT)


def newer(model: Any, messages: Sequence[Message], using: str) -> dict[int, str]:
    """Finds the deletes that would take newer rows of replica models with them.

    The rows that are to be deleted are locked, so that no other worker adds to those that point
    to them.

    Returns:
        By position in ``messages``: the name of the row that is to come again (``cqrs_id/key``).
    """
    if not _references(model):
        return {}
    deletes = {position: _delete(each) for position, each in enumerate(messages) if each.is_delete}
    moments = {found[0]: found[1] for found in deletes.values() if found is not None}
    if not moments:
        return {}
    rows = model._base_manager.using(using).select_for_update().filter(pk__in=list(moments))
    present = list(rows.values_list("pk", flat=True))
    outlived = _outlived(model, {pk: moments[pk] for pk in present}, using)
    return {
        position: name_of(model, found[0])
        for position, found in deletes.items()
        if found is not None and found[0] in outlived
    }


def _delete(message: Message) -> tuple[Any, datetime] | None:
    """Key and time of a DELETE; None where it cannot be applied anyway."""
    try:
        key = mapping.to_python(message.model._meta.pk, message.payload.instance_data.get("id"))
        return key, message.incoming().master_updated_at
    except mapping.MappingError:
        return None


def _outlived(model: Any, moments: Mapping[Any, datetime], using: str) -> set[Any]:
    """The keys of which some row that goes with them is newer than the moment given."""
    outlived: set[Any] = set()
    seen: set[Any] = set()
    #: By model and key of a row that goes: the keys because of which it goes.
    layers: list[tuple[Any, dict[Any, Any]]] = [(model, {pk: pk for pk in moments})]
    while layers:
        above, causes = layers.pop()
        for field in _references(above) if causes else ():
            child = field.model
            rows = child._base_manager.using(using).filter(
                **{f"{field.name}__pk__in": list(causes)}
            )
            below = {}
            for pk, owner, updated_at in rows.values_list(
                "pk", f"{field.name}__pk", "cqrs_updated"
            ):
                cause = causes[owner]
                if mapping.to_aware(updated_at) > moments[cause]:
                    outlived.add(cause)
                if (child, pk, cause) not in seen:
                    seen.add((child, pk, cause))
                    below[pk] = cause
            layers.append((child, below))
    return outlived


def _references(model: Any) -> list[Any]:
    """Foreign keys of replica models that a deleted row of this one changes or deletes."""
    return [
        relation.field
        for relation in model._meta.related_objects
        if relation.related_model in ReplicaRegistry.models.values()
        and not relation.many_to_many
        and relation.on_delete not in _WITHOUT_EFFECT
    ]
