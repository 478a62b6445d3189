"""Filters of the lists; every value is bounded, so that none can overflow its column."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import F, QuerySet
from django_filters.fields import IsoDateTimeField

from replica_service.storefront import selectors
from replica_service.storefront.models import Album, PriceChange, Track

#: The largest key of a 64 bit column.
MAX_ID = 2**63 - 1


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


class MomentField(IsoDateTimeField):
    """A time, in UTC: PostgreSQL takes no offset above 16 hours, though ISO 8601 has them."""

    def to_python(self, value: Any) -> datetime | None:
        """The time, or a ValidationError for one that is none in UTC."""
        parsed: datetime | None = super().to_python(value)
        if parsed is None:
            return None
        try:
            return parsed.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class MomentFilter(django_filters.IsoDateTimeFilter):
    """A bound of a time."""

    field_class = MomentField


class NameFilter(django_filters.FilterSet):
    """Filters by a part of the name."""

    name = django_filters.CharFilter(lookup_expr="icontains")


class AlbumFilter(django_filters.FilterSet):
    """Filters of albums."""

    title = django_filters.CharFilter(lookup_expr="icontains")
    artist_id = IdFilter()

    class Meta:
        model = Album
        fields: tuple[str, ...] = ()


class TrackFilter(django_filters.FilterSet):
    """Filters of tracks."""

    search = django_filters.CharFilter(
        method="filter_search",
        max_length=200,
        label="Words of the name, the artist or the album; all must occur",
    )
    genre = django_filters.CharFilter(field_name="genre_name", lookup_expr="iexact")
    artist = django_filters.CharFilter(field_name="artist_name", lookup_expr="icontains")
    album = django_filters.CharFilter(field_name="album_title", lookup_expr="icontains")
    genre_id = IdFilter()
    artist_id = IdFilter()
    album_id = IdFilter()
    min_price = PriceFilter(field_name="unit_price", lookup_expr="gte")
    max_price = PriceFilter(field_name="unit_price", lookup_expr="lte")
    is_featured = django_filters.BooleanFilter()
    is_reduced = django_filters.BooleanFilter(
        method="filter_reduced", label="Cheaper than before its last change of price"
    )

    class Meta:
        model = Track
        fields: tuple[str, ...] = ()

    def filter_search(self, queryset: QuerySet[Track], name: str, value: str) -> QuerySet[Track]:
        """Every word occurs."""
        return selectors.tracks_matching(tracks=queryset, text=value)

    def filter_reduced(self, queryset: QuerySet[Track], name: str, value: bool) -> QuerySet[Track]:
        """The price went down; a track whose price never changed is not reduced."""
        reduced = {"previous_price__isnull": False, "previous_price__gt": F("unit_price")}
        return queryset.filter(**reduced) if value else queryset.exclude(**reduced)


class PriceChangeFilter(django_filters.FilterSet):
    """Filters of price changes."""

    track_id = IdFilter()
    changed_after = MomentFilter(field_name="changed_at", lookup_expr="gte")
    changed_before = MomentFilter(field_name="changed_at", lookup_expr="lt")

    class Meta:
        model = PriceChange
        fields: tuple[str, ...] = ()
