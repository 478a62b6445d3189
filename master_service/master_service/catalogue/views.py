"""Endpoints of the catalogue: parse the request, call one service, show the result."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from master_service.api.entity_views import PLAIN, BulkCreateViewSet, EntityViewSet, described
from master_service.api.filters import NameFilter
from master_service.catalogue import filters, serializers, services
from master_service.catalogue.models import Album, Artist, Genre, MediaType, PriceChange, Track


@described(serializers.ArtistSerializer)
class ArtistViewSet(BulkCreateViewSet):
    """Artists."""

    queryset = Artist.objects.all()
    serializer_class = serializers.ArtistSerializer
    filterset_class = NameFilter
    ordering_fields = ("id", "name")


@described(serializers.AlbumSerializer)
class AlbumViewSet(BulkCreateViewSet):
    """Albums."""

    queryset = Album.objects.all()
    serializer_class = serializers.AlbumSerializer
    filterset_class = filters.AlbumFilter
    ordering_fields = ("id", "title")


@described(serializers.GenreSerializer)
class GenreViewSet(BulkCreateViewSet):
    """Genres."""

    queryset = Genre.objects.all()
    serializer_class = serializers.GenreSerializer
    filterset_class = NameFilter
    ordering_fields = ("id", "name")


@described(serializers.MediaTypeSerializer)
class MediaTypeViewSet(BulkCreateViewSet):
    """Media types."""

    queryset = MediaType.objects.all()
    serializer_class = serializers.MediaTypeSerializer
    filterset_class = NameFilter
    ordering_fields = ("id", "name")


@described(serializers.TrackSerializer)
class TrackViewSet(EntityViewSet):
    """Tracks; a change of their price is kept in the price changes."""

    queryset = Track.objects.all()
    serializer_class = serializers.TrackSerializer
    filterset_class = filters.TrackFilter
    ordering_fields = ("id", "name", "unit_price", "milliseconds")

    @extend_schema(
        request=serializers.TrackCreateSerializer,
        responses={HTTPStatus.CREATED: serializers.TrackSerializer},
    )
    def create(self, request: Request) -> Response:
        """Creates a track.

        Names (`album_title` with `artist_name`, `media_type_name`, `genre_name`) may stand for
        keys: what is missing is created.
        """
        return super().create(request)

    @action(detail=False, methods=["post"], url_path="bulk", **PLAIN)
    def bulk_create(self, request: Request) -> Response:
        """Creates many tracks, all or none; related rows by key."""
        return self.create_many(request)

    @extend_schema(
        request=serializers.RepriceSerializer,
        responses={HTTPStatus.OK: serializers.RepricedSerializer},
    )
    @bulk_create.mapping.patch
    def reprice(self, request: Request) -> Response:
        """Sets one price for many tracks, all or none."""
        command = self.validated(request)
        updated = services.tracks_reprice(
            track_ids=command["ids"], unit_price=command["unit_price"]
        )
        return Response({"updated": updated})

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """What comes in differs from what is shown."""
        by_action = {
            "create": serializers.TrackCreateSerializer,
            "reprice": serializers.RepriceSerializer,
        }
        return by_action.get(self.action, serializers.TrackSerializer)

    def create_entity(self, values: dict[str, Any]) -> Track:
        """A track from keys or names."""
        names = {name: values.pop(name) for name in serializers.NAME_FIELDS if name in values}
        return services.track_create(values=values, **names)

    def update_entity(self, entity_id: int, changes: dict[str, Any]) -> Track:
        """A track with the history of its price."""
        return services.track_update(track_id=entity_id, changes=changes)


class PriceChangeViewSet(viewsets.ReadOnlyModelViewSet[PriceChange]):
    """The history of prices, written by the changes of tracks only."""

    lookup_value_regex = "[0-9]+"
    queryset = PriceChange.objects.all()
    serializer_class = serializers.PriceChangeSerializer
    filterset_class = filters.PriceChangeFilter
    ordering_fields = ("id", "changed_at")
