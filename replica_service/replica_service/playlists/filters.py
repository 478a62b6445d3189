"""Filters of the lists."""

import django_filters

from replica_service.playlists.models import PlaylistTrack
from replica_service.storefront.filters import IdFilter


class PlaylistTrackFilter(django_filters.FilterSet):
    """Filters of entries."""

    playlist_id = IdFilter()
    track_id = IdFilter()

    class Meta:
        model = PlaylistTrack
        fields: tuple[str, ...] = ()
