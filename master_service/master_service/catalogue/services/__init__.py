"""The catalogue's use cases: every write goes through one of these functions.

Each is one transaction, takes keyword arguments only, and raises an ``ApplicationError`` when it
cannot do what was asked. The API and the admin call them; neither writes by itself.
"""

from master_service.catalogue.services.entities import (
    entities_bulk_create,
    entity_create,
    entity_delete,
    entity_update,
)
from master_service.catalogue.services.prices import tracks_reprice
from master_service.catalogue.services.tracks import track_create, track_update

__all__ = [
    "entities_bulk_create",
    "entity_create",
    "entity_delete",
    "entity_update",
    "track_create",
    "track_update",
    "tracks_reprice",
]
