"""Filters that the apps share; every value is bounded, so that none can overflow its column."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django_filters.fields import IsoDateTimeField

from master_service.api.fields import MAX_ID


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
