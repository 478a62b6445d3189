"""Filters of the lists."""

import django_filters

from master_service.api.filters import IdFilter, MomentFilter, NameFilter, PriceFilter
from master_service.catalogue.models import Album, PriceChange, Track


class AlbumFilter(django_filters.FilterSet):
    """Filters of albums."""

    title = django_filters.CharFilter(lookup_expr="icontains")
    artist = IdFilter(field_name="artist_id")

    class Meta:
        model = Album
        fields: tuple[str, ...] = ()


class TrackFilter(NameFilter):
    """Filters of tracks."""

    album = IdFilter(field_name="album_id")
    artist = IdFilter(field_name="album__artist_id")
    genre = IdFilter(field_name="genre_id")
    media_type = IdFilter(field_name="media_type_id")
    min_price = PriceFilter(field_name="unit_price", lookup_expr="gte")
    max_price = PriceFilter(field_name="unit_price", lookup_expr="lte")

    class Meta:
        model = Track
        fields: tuple[str, ...] = ()


class PriceChangeFilter(django_filters.FilterSet):
    """Filters of price changes."""

    track = IdFilter(field_name="track_id")
    changed_after = MomentFilter(field_name="changed_at", lookup_expr="gte")
    changed_before = MomentFilter(field_name="changed_at", lookup_expr="lt")

    class Meta:
        model = PriceChange
        fields: tuple[str, ...] = ()
