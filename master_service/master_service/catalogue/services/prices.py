"""A price never changes without its history: both are written in the same transaction."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import transaction

from master_service.catalogue.models import PriceChange, Track
from master_service.errors import InvalidInputError

#: How many unknown keys an error names.
MAX_KEYS_SHOWN = 10


@transaction.atomic
def tracks_reprice(*, track_ids: Sequence[int], unit_price: Decimal) -> int:
    """Sets one price for many tracks.

    Args:
        track_ids: keys of the tracks, each once.
        unit_price: their new price.

    Returns:
        How many tracks had another price before; the others are left alone.

    Raises:
        InvalidInputError: a track does not exist or is named twice; nothing was written.
    """
    if len(set(track_ids)) != len(track_ids):
        raise InvalidInputError("The request is not valid.", {"ids": ["A key is named twice."]})
    # In the order of their keys: two requests that overlap wait for each other, not in a circle.
    rows = Track.objects.select_for_update(no_key=True)
    tracks = list(rows.filter(pk__in=track_ids).order_by("pk"))
    _require_all(track_ids, tracks)
    changed = [track for track in tracks if track.unit_price != unit_price]
    PriceChange.cqrs.bulk_create(
        PriceChange(track=track, old_price=track.unit_price, new_price=unit_price)
        for track in changed
    )
    if changed:
        rows = Track.objects.filter(pk__in=[track.pk for track in changed])
        Track.cqrs.bulk_update(rows, unit_price=unit_price)
    return len(changed)


def price_change_record(*, track: Track, old_price: Decimal) -> None:
    """Writes the history of a price that has just changed, in the caller's transaction."""
    PriceChange.objects.create(track=track, old_price=old_price, new_price=track.unit_price)


def _require_all(track_ids: Iterable[int], tracks: Iterable[Track]) -> None:
    missing = sorted(set(track_ids) - {track.pk for track in tracks})
    if missing:
        keys = ", ".join(map(str, missing[:MAX_KEYS_SHOWN]))
        raise InvalidInputError(
            "The request is not valid.", {"ids": [f"{len(missing)} tracks do not exist: {keys}."]}
        )
