"""Endpoints of the storefront: lists and details. There is nothing to write here."""

from typing import Any

from rest_framework import viewsets

from replica_service.storefront import filters, selectors, serializers
from replica_service.storefront.models import Artist, Genre, MediaType, PriceChange


class ReplicaViewSet(viewsets.ReadOnlyModelViewSet[Any]):
    """What every resource has; any other method is answered with 405."""

    lookup_value_regex = "[0-9]+"


class ArtistViewSet(ReplicaViewSet):
    """Artists."""

    queryset = Artist.objects.all()
    serializer_class = serializers.NamedSerializer
    filterset_class = filters.NameFilter
    ordering_fields = ("id", "name")


class AlbumViewSet(ReplicaViewSet):
    """Albums with their artists' names."""

    queryset = selectors.albums_with_artist_names()
    serializer_class = serializers.AlbumSerializer
    filterset_class = filters.AlbumFilter
    ordering_fields = ("id", "title", "artist_name")


class GenreViewSet(ReplicaViewSet):
    """Genres."""

    queryset = Genre.objects.all()
    serializer_class = serializers.NamedSerializer
    filterset_class = filters.NameFilter
    ordering_fields = ("id", "name")


class MediaTypeViewSet(ReplicaViewSet):
    """Media types."""

    queryset = MediaType.objects.all()
    serializer_class = serializers.NamedSerializer
    filterset_class = filters.NameFilter
    ordering_fields = ("id", "name")


class TrackViewSet(ReplicaViewSet):
    """Search and browse the tracks."""

    queryset = selectors.tracks_with_previous_prices().defer("search_text")
    serializer_class = serializers.TrackSerializer
    filterset_class = filters.TrackFilter
    ordering_fields = ("id", "name", "artist_name", "album_title", "unit_price", "milliseconds")


class PriceChangeViewSet(ReplicaViewSet):
    """The history of prices."""

    queryset = PriceChange.objects.all()
    serializer_class = serializers.PriceChangeSerializer
    filterset_class = filters.PriceChangeFilter
    ordering_fields = ("id", "changed_at")
