"""Shapes of the API: what comes in and what goes out. No rule of the sales lives here."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from master_service.api.fields import (
    MAX_CHOSEN_ID,
    EntitySerializer,
    IdField,
    KeyedSerializer,
    PriceField,
    StrictSerializer,
)
from master_service.catalogue.models import MAX_INTEGER
from master_service.sales.models import MAIL_PATTERN, ClosingReason, InvoiceStatus

#: A draft, or paid at once: what a new invoice may be.
NEW_STATUSES = (InvoiceStatus.DRAFT, InvoiceStatus.PAID)


class Text(serializers.CharField):
    """A text that may be left out; what is unknown is stored in one way only, as ""."""

    def __init__(self, max_length: int) -> None:
        super().__init__(max_length=max_length, required=False, allow_blank=True, allow_null=True)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """As in DRF; null is ""."""
        value = super().run_validation(data)
        return "" if value is None else value


class EmployeeSerializer(KeyedSerializer):
    """An employee."""

    first_name = serializers.CharField(max_length=40)
    last_name = serializers.CharField(max_length=40)
    title = Text(60)
    email = serializers.RegexField(MAIL_PATTERN, max_length=254)
    phone = Text(24)
    reports_to = IdField(source="reports_to_id", required=False, allow_null=True)


class CustomerSerializer(EntitySerializer):
    """A customer."""

    first_name = serializers.CharField(max_length=40)
    last_name = serializers.CharField(max_length=40)
    company = Text(80)
    address = Text(100)
    city = Text(60)
    state = Text(60)
    country = serializers.CharField(max_length=60)
    postal_code = Text(20)
    phone = Text(24)
    fax = Text(24)
    email = serializers.RegexField(MAIL_PATTERN, max_length=254)
    support_rep = IdField(source="support_rep_id", required=False, allow_null=True)


class ForgetSerializer(StrictSerializer):
    """Why a customer is deleted."""

    reason = serializers.ChoiceField(choices=ClosingReason.choices, default=ClosingReason.ASKED)


class InvoiceLineSerializer(EntitySerializer):
    """A line of an invoice."""

    invoice = IdField(source="invoice_id")
    track = IdField(source="track_id")
    unit_price = PriceField()
    quantity = serializers.IntegerField()


class NewLineSerializer(StrictSerializer):
    """What is bought; without a price, at that of the track."""

    id = IdField(required=False, max_value=MAX_CHOSEN_ID)
    track = IdField(source="track_id")
    unit_price = PriceField(required=False)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_INTEGER, default=1)


class BillingSerializer(EntitySerializer):
    """What can be changed of a draft."""

    billing_address = Text(100)
    billing_city = Text(60)
    billing_state = Text(60)
    billing_country = serializers.CharField(max_length=60, required=False)
    billing_postal_code = Text(20)
    invoiced_at = serializers.DateTimeField(required=False)


class InvoiceSerializer(BillingSerializer):
    """An invoice with its lines, as it is shown."""

    customer = IdField(source="customer_id", allow_null=True)
    status = serializers.ChoiceField(choices=InvoiceStatus.choices)
    total = PriceField()
    lines = InvoiceLineSerializer(many=True)


class NewInvoiceSerializer(BillingSerializer):
    """A new invoice with its lines; the address is the customer's, where none is given."""

    customer = IdField(source="customer_id")
    status = serializers.ChoiceField(
        choices=[(status.value, status.label) for status in NEW_STATUSES],
        default=InvoiceStatus.DRAFT,
    )
    lines = NewLineSerializer(
        many=True,
        allow_empty=False,
        max_length=settings.API_BULK_MAX_ITEMS,  # type: ignore[call-arg]  # of its list
    )


class InvoiceIdsSerializer(StrictSerializer):
    """Some invoices."""

    ids = serializers.ListField(
        child=IdField(), allow_empty=False, max_length=settings.API_BULK_MAX_ITEMS
    )


class UpdatedSerializer(serializers.Serializer[Any]):
    """How many rows were changed."""

    updated = serializers.IntegerField()
