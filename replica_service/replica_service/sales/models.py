"""Copies of the master's customers, invoices and their lines, with no more than figures need."""

from typing import Any, ClassVar

from django.db import models

from dj_cqrs.mixins import ReplicaMixin
from replica_service.storefront.models import Price, Reference, Track

#: The status of an invoice that counts.
PAID = "paid"


class ClosedAccount(models.Model):
    """A customer whom the master has deleted, and why; there is one while the deletion stands.

    Not a log of deletions: one that a newer state has overtaken is rightly skipped. What it says
    is a state, of a key that is deleted now, and so the same whatever the order of delivery.
    """

    id = models.BigIntegerField(primary_key=True)
    country = models.CharField(max_length=60, db_index=True)
    reason = models.CharField(max_length=20, blank=True)
    closed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.country}: {self.reason}"


class Customer(ReplicaMixin):
    """Somebody in a country: more the master does not tell."""

    CQRS_ID = "customer"
    CQRS_READ_ONLY = True
    # Where somebody lives, and why an account was closed: no log, and no page of dead letters.
    CQRS_PRIVATE_FIELDS = ("country", "reason")

    country = models.CharField(max_length=60, db_index=True)

    def __str__(self) -> str:
        return self.country

    @classmethod
    def cqrs_create(
        cls,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> "Customer":
        """Creates the row; an account of that key is open again."""
        ClosedAccount.objects.filter(pk=mapped_data["id"]).delete()
        customer: Customer = super().cqrs_create(sync, mapped_data, previous_data, meta)
        return customer

    @classmethod
    def cqrs_delete(cls, master_data: dict[str, Any], meta: dict[str, Any] | None = None) -> bool:
        """Deletes the row; a closed account with its country and reason stays."""
        custom = master_data.get("custom") or {}
        ClosedAccount.objects.update_or_create(
            pk=master_data["id"],
            defaults={
                "country": custom.get("country", ""),
                "reason": custom.get("reason", ""),
                "closed_at": master_data["cqrs_updated"],
            },
        )
        return super().cqrs_delete(master_data, meta)


class Invoice(ReplicaMixin):
    """A purchase, paid or cancelled; drafts never come here."""

    CQRS_ID = "invoice"
    CQRS_READ_ONLY = True
    CQRS_MAPPING: ClassVar = {
        "id": "id",
        "customer": "customer",
        "status": "status",
        "invoiced_at": "sold_at",
        "billing_country": "country",
        "total": "total",
    }

    customer = Reference(Customer, null=True)
    status = models.CharField(max_length=10)
    sold_at = models.DateTimeField(db_index=True)
    country = models.CharField(max_length=60, db_index=True)
    total = Price()

    def __str__(self) -> str:
        return f"Invoice {self.pk}"


class Sale(ReplicaMixin):
    """One line of an invoice, flat: with all that figures ask of the invoice."""

    CQRS_ID = "invoice_line"
    CQRS_READ_ONLY = True
    CQRS_MAPPING: ClassVar = {
        "id": "id",
        "invoice": "invoice",
        "status": "status",
        "invoiced_at": "sold_at",
        "billing_country": "country",
        "track": "track",
        "unit_price": "unit_price",
        "quantity": "quantity",
    }

    invoice = Reference(Invoice)
    status = models.CharField(max_length=10)
    sold_at = models.DateTimeField(db_index=True)
    country = models.CharField(max_length=60, db_index=True)
    # It always has one. Null, so that Django joins with LEFT: a sale counts before its track has
    # arrived.
    track = Reference(Track, null=True, db_index=False)
    unit_price = Price()
    quantity = models.PositiveIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index("track", condition=models.Q(status=PAID), name="sale_paid_of_track"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of track {self.track_id}"
