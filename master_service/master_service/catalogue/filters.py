"""Filters of the lists; every value is bounded, so that none can overflow its column."""

from typing import Any

import django_filters
from django import forms

from master_service.api.fields import MAX_ID
from master_service.catalogue.models import Album, PriceChange, Track


class IdFilter(django_filters.Filter):
    """Rows that refer to this key."""

    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class PriceFilter(django_filters.NumberFilter):
    """A bound of a price."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=0, **kwargs)

    def get_max_validator(self) -> None:
        """The form field has its own bounds."""


class NameFilter(django_filters.FilterSet):
    """Filters by a part of the name."""

    name = django_filters.CharFilter(lookup_expr="icontains")


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
    changed_after = django_filters.IsoDateTimeFilter(field_name="changed_at", lookup_expr="gte")
    changed_before = django_filters.IsoDateTimeFilter(field_name="changed_at", lookup_expr="lt")

    class Meta:
        model = PriceChange
        fields: tuple[str, ...] = ()
