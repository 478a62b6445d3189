"""Use cases of tracks: creating one from nothing but names, changing one with its price."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from master_service.catalogue.models import Album, Artist, Genre, MediaType, Track
from master_service.catalogue.services.prices import price_change_record
from master_service.entities import entity_create, entity_lock, entity_update


@transaction.atomic
def track_create(
    *,
    values: Mapping[str, Any],
    artist_name: str = "",
    album_title: str = "",
    media_type_name: str = "",
    genre_name: str = "",
) -> Track:
    """Creates a track; what is named instead of given by its key is created if it is missing.

    Args:
        values: attributes of the track, foreign keys as ``<name>_id``.
        artist_name: of the album, with ``album_title``.
        album_title: title of the album, instead of ``album_id``.
        media_type_name: instead of ``media_type_id``.
        genre_name: instead of ``genre_id``.

    Raises:
        InvalidInputError: a value is not allowed, the key is taken, a parent is missing.
    """
    named: dict[str, Any] = {}
    if album_title:
        artist, _ = Artist.objects.get_or_create(name=artist_name)
        named["album_id"] = Album.objects.get_or_create(artist=artist, title=album_title)[0].pk
    if media_type_name:
        named["media_type_id"] = MediaType.objects.get_or_create(name=media_type_name)[0].pk
    if genre_name:
        named["genre_id"] = Genre.objects.get_or_create(name=genre_name)[0].pk
    return entity_create(model=Track, values={**values, **named})


@transaction.atomic
def track_update(*, track_id: int, changes: Mapping[str, Any]) -> Track:
    """Changes a track; a new price is written to the history as well.

    Args:
        track_id: key of the track.
        changes: attributes to set, foreign keys as ``<name>_id``.

    Raises:
        NotFoundError: there is no such track.
        InvalidInputError: a value is not allowed or a parent is missing.
    """
    # Locked here, so that the old price is the one that the update replaces.
    old_price = entity_lock(model=Track, entity_id=track_id).unit_price
    track = entity_update(model=Track, entity_id=track_id, changes=changes)
    if track.unit_price != old_price:
        price_change_record(track=track, old_price=old_price)
    return track
