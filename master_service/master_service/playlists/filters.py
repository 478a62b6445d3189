"""Filters of the lists."""

import django_filters

from master_service.api.filters import IdFilter
from master_service.playlists.models import PlaylistTrack


class PlaylistTrackFilter(django_filters.FilterSet):
    """Filters of entries."""

    playlist = IdFilter(field_name="playlist_id")
    track = IdFilter(field_name="track_id")

    class Meta:
        model = PlaylistTrack
        fields: tuple[str, ...] = ()
