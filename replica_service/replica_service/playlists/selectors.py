"""Reads of playlists."""

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from replica_service.playlists.models import Playlist, PlaylistTrack
from replica_service.storefront.models import Track
from replica_service.storefront.selectors import tracks_with_previous_prices


def playlists_with_counts() -> QuerySet[Playlist]:
    """Playlists with ``track_count``."""
    entries = PlaylistTrack.objects.filter(playlist_id=OuterRef("pk")).order_by()
    counts = entries.values("playlist_id").annotate(count=Count("pk")).values("count")
    playlists: QuerySet[Playlist] = Playlist.objects.annotate(
        track_count=Coalesce(Subquery(counts), 0)
    )
    return playlists


def tracks_of(playlist: Playlist) -> QuerySet[Track]:
    """The tracks of a playlist, as the lists of tracks show them."""
    entries = PlaylistTrack.objects.filter(playlist_id=playlist.pk)
    return tracks_with_previous_prices().filter(pk__in=entries.values("track_id"))
