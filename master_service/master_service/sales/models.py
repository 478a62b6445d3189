"""The tables of sales. What a person could be known by stays at home.

``CQRS_FIELDS`` and the payload of a line name what is sent; employees are not replicated at all.
"""

from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from dj_cqrs.mixins import MasterMixin
from master_service.catalogue.models import MAX_INTEGER, Track, price_field

#: More than this nobody can know but the receiving host; letters of all languages are allowed.
MAIL_PATTERN = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"


def mail_field() -> "models.CharField[str, str]":
    """An address of mail; Django's own field refuses those that are not in ASCII."""
    message = "Enter a valid email address."
    return models.CharField(
        max_length=254, unique=True, validators=[RegexValidator(MAIL_PATTERN, message)]
    )


class Employee(models.Model):
    """Somebody who works here. An ordinary model: nothing about employees leaves the house."""

    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=40)
    title = models.CharField(max_length=60, blank=True, default="")
    email = mail_field()
    phone = models.CharField(max_length=24, blank=True, default="")
    reports_to = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="team", null=True, blank=True
    )

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class ClosingReason(models.TextChoices):
    """Why a customer was forgotten."""

    ASKED = "asked"
    INACTIVE = "inactive"
    DUPLICATE = "duplicate"


class Customer(MasterMixin):
    """Somebody who buys here; deleted by ``services.customer_forget`` only."""

    CQRS_ID = "customer"
    # Not a word of personal data: the storefront counts customers by country.
    CQRS_FIELDS = ("id", "country")
    # No log shows them; also those that are not sent, should they be one day.
    CQRS_PRIVATE_FIELDS = (
        "first_name",
        "last_name",
        "company",
        "address",
        "city",
        "state",
        "country",
        "postal_code",
        "phone",
        "fax",
        "email",
        "reason",
    )

    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=40)
    company = models.CharField(max_length=80, blank=True, default="")
    address = models.CharField(max_length=100, blank=True, default="")
    city = models.CharField(max_length=60, blank=True, default="")
    state = models.CharField(max_length=60, blank=True, default="")
    country = models.CharField(max_length=60, db_index=True)
    postal_code = models.CharField(max_length=20, blank=True, default="")
    phone = models.CharField(max_length=24, blank=True, default="")
    fax = models.CharField(max_length=24, blank=True, default="")
    email = mail_field()
    support_rep = models.ForeignKey(
        Employee, on_delete=models.PROTECT, related_name="customers", null=True, blank=True
    )

    #: Why it is being deleted; set right before, and no column.
    closing_reason = ClosingReason.ASKED

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"

    def get_custom_cqrs_delete_data(self) -> dict[str, Any]:
        """What the figures need of an account that is closed; the row itself is gone by then."""
        return {"country": self.country, "reason": str(self.closing_reason)}


class InvoiceStatus(models.TextChoices):
    """Where an invoice stands; it only ever goes on to the next one."""

    DRAFT = "draft"
    PAID = "paid"
    CANCELLED = "cancelled"


class Invoice(MasterMixin):
    """What a customer bought at one time."""

    CQRS_ID = "invoice"
    CQRS_FIELDS = ("id", "customer", "status", "invoiced_at", "billing_country", "total")

    # Null once the customer was forgotten. PROTECT, not SET_NULL: that would send no signal.
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="invoices", null=True, blank=True
    )
    status = models.CharField(
        max_length=10, choices=InvoiceStatus, default=InvoiceStatus.DRAFT, db_index=True
    )
    invoiced_at = models.DateTimeField(default=timezone.now, db_index=True)
    billing_address = models.CharField(max_length=100, blank=True, default="")
    billing_city = models.CharField(max_length=60, blank=True, default="")
    billing_state = models.CharField(max_length=60, blank=True, default="")
    billing_country = models.CharField(max_length=60)
    billing_postal_code = models.CharField(max_length=20, blank=True, default="")
    total = price_field()

    def __str__(self) -> str:
        return f"Invoice {self.pk}"

    def is_sync_instance(self) -> bool:
        """Drafts stay at home. Nothing becomes a draft again, so what is out stays up to date."""
        return self.status != InvoiceStatus.DRAFT


class InvoiceLine(MasterMixin):
    """One track of an invoice, at the price of that day."""

    CQRS_ID = "invoice_line"
    CQRS_SERIALIZER = "master_service.sales.payloads.SalePayload"
    # The payload says whether the invoice is paid: a change of it sends its lines as well.
    CQRS_RELATED = ("invoice",)

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    # A track that was sold stays in the books.
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="invoice_lines")
    unit_price = price_field()
    quantity = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_INTEGER)]
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1), name="invoice_line_quantity_positive"
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of track {self.track_id}"

    def is_sync_instance(self) -> bool:
        """Goes out with its invoice."""
        return self.invoice.is_sync_instance()

    @classmethod
    def relate_cqrs_serialization(
        cls, queryset: models.QuerySet["InvoiceLine"]
    ) -> models.QuerySet["InvoiceLine"]:
        """One query for a batch of payloads, whatever its size."""
        return queryset.select_related("invoice")
