"""Endpoints of playlists."""

from http import HTTPStatus

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from replica_service.playlists import filters, selectors, serializers
from replica_service.playlists.models import PlaylistTrack
from replica_service.storefront.filters import NameFilter
from replica_service.storefront.serializers import TrackSerializer
from replica_service.storefront.views import ReplicaViewSet


class PlaylistViewSet(ReplicaViewSet):
    """Playlists."""

    queryset = selectors.playlists_with_counts()
    serializer_class = serializers.PlaylistSerializer
    filterset_class = NameFilter
    ordering_fields = ("id", "name", "track_count")

    @extend_schema(responses={HTTPStatus.OK: TrackSerializer(many=True)}, filters=False)
    @action(detail=True)
    def tracks(self, request: Request, pk: str) -> Response:
        """The tracks of a playlist, as everywhere; those that have arrived."""
        tracks = selectors.tracks_of(self.get_object()).defer("search_text").order_by("pk")
        page = self.paginate_queryset(tracks)
        return self.get_paginated_response(TrackSerializer(page, many=True).data)


class PlaylistTrackViewSet(ReplicaViewSet):
    """Which tracks are in which playlists."""

    queryset = PlaylistTrack.objects.all()
    serializer_class = serializers.PlaylistTrackSerializer
    filterset_class = filters.PlaylistTrackFilter
    ordering_fields = ("id", "playlist_id", "track_id")
