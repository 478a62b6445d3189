"""The catalogue's use cases, beside what ``entities`` can do with every model.

Each is one transaction, takes keyword arguments only, and raises an ``ApplicationError`` when it
cannot do what was asked. The API and the admin call them; neither writes by itself.
"""

from master_service.catalogue.services.prices import tracks_reprice
from master_service.catalogue.services.tracks import track_create, track_update

__all__ = ["track_create", "track_update", "tracks_reprice"]
