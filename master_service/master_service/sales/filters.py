"""Filters of the lists."""

import django_filters

from master_service.api.filters import IdFilter, MomentFilter
from master_service.sales.models import Customer, Invoice, InvoiceLine, InvoiceStatus


class CustomerFilter(django_filters.FilterSet):
    """Filters of customers."""

    country = django_filters.CharFilter(lookup_expr="iexact")
    email = django_filters.CharFilter(lookup_expr="iexact")
    support_rep = IdFilter(field_name="support_rep_id")

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()


class InvoiceFilter(django_filters.FilterSet):
    """Filters of invoices."""

    customer = IdFilter(field_name="customer_id")
    status = django_filters.ChoiceFilter(choices=InvoiceStatus.choices)
    country = django_filters.CharFilter(field_name="billing_country", lookup_expr="iexact")
    invoiced_after = MomentFilter(field_name="invoiced_at", lookup_expr="gte")
    invoiced_before = MomentFilter(field_name="invoiced_at", lookup_expr="lt")

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = ()


class InvoiceLineFilter(django_filters.FilterSet):
    """Filters of lines."""

    invoice = IdFilter(field_name="invoice_id")
    status = django_filters.ChoiceFilter(
        field_name="invoice__status", choices=InvoiceStatus.choices
    )
    track = IdFilter(field_name="track_id")

    class Meta:
        model = InvoiceLine
        fields: tuple[str, ...] = ()
