"""Create, change and delete rows of any model: what holds for every app of this service.

Each is one transaction, takes keyword arguments only, and raises an ``ApplicationError`` when it
cannot do what was asked. What an app adds to them is in its own ``services``.
"""

from master_service.entities.checks import check_new_rows
from master_service.entities.sequences import advance_sequence
from master_service.entities.writes import (
    entities_bulk_create,
    entity_create,
    entity_delete,
    entity_lock,
    entity_update,
)

__all__ = [
    "advance_sequence",
    "check_new_rows",
    "entities_bulk_create",
    "entity_create",
    "entity_delete",
    "entity_lock",
    "entity_update",
]
