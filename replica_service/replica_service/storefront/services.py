"""The storefront's own writes: columns that no master knows."""

from collections.abc import Collection

from django.db.models import QuerySet

from dj_cqrs.replica.read_only import applying
from replica_service.storefront.models import Track


def tracks_feature(*, track_ids: Collection[int], is_featured: bool) -> int:
    """Puts tracks on the front page, or takes them off.

    Args:
        track_ids: keys of the tracks.
        is_featured: on or off.

    Returns:
        How many tracks there were.
    """
    # The protection is for the master's columns; this one is ours, and a single UPDATE of it
    # cannot bring back an older state of the others.
    with applying():
        tracks: QuerySet[Track] = Track.objects.filter(pk__in=track_ids)
        return tracks.update(is_featured=is_featured)
