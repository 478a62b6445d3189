"""Filters of the lists."""

import django_filters

from replica_service.sales.models import Customer, Invoice, Sale
from replica_service.storefront.filters import IdFilter, MomentFilter


class CountryFilter(django_filters.FilterSet):
    """Filters by the country, as it is written."""

    country = django_filters.CharFilter()


class CustomerFilter(CountryFilter):
    """Filters of customers."""

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()


class SoldFilter(CountryFilter):
    """Filters by where and when something was sold."""

    sold_after = MomentFilter(field_name="sold_at", lookup_expr="gte")
    sold_before = MomentFilter(field_name="sold_at", lookup_expr="lt")


class InvoiceFilter(SoldFilter):
    """Filters of invoices."""

    customer_id = IdFilter()
    status = django_filters.CharFilter()

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = ()


class SaleFilter(SoldFilter):
    """Filters of sales."""

    invoice_id = IdFilter()
    track_id = IdFilter()
    status = django_filters.CharFilter()

    class Meta:
        model = Sale
        fields: tuple[str, ...] = ()


class FigureFilter(SoldFilter):
    """Filters of what figures are made of."""

    artist_id = IdFilter(field_name="track__artist_id")

    class Meta:
        model = Sale
        fields: tuple[str, ...] = ()
