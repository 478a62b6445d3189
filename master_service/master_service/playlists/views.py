"""Endpoints of the playlists."""

from master_service.api.entity_views import BulkCreateViewSet, described
from master_service.api.filters import NameFilter
from master_service.playlists import filters, serializers
from master_service.playlists.models import Playlist, PlaylistTrack


@described(serializers.PlaylistSerializer)
class PlaylistViewSet(BulkCreateViewSet):
    """Playlists."""

    queryset = Playlist.objects.all()
    serializer_class = serializers.PlaylistSerializer
    filterset_class = NameFilter
    ordering_fields = ("id", "name")


@described(serializers.PlaylistTrackSerializer)
class PlaylistTrackViewSet(BulkCreateViewSet):
    """Which tracks are in which playlists."""

    queryset = PlaylistTrack.objects.all()
    serializer_class = serializers.PlaylistTrackSerializer
    filterset_class = filters.PlaylistTrackFilter
    ordering_fields = ("id", "playlist", "track")
