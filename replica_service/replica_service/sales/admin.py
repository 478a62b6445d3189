"""Sales for people: to look at only."""

from django.contrib import admin

from replica_service.sales.models import ClosedAccount, Customer, Invoice, Sale
from replica_service.storefront.admin import ReadOnlyAdmin


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """Customers."""

    list_display = ("id", "country", "cqrs_revision", "cqrs_updated")
    list_filter = ("country",)


@admin.register(ClosedAccount)
class ClosedAccountAdmin(ReadOnlyAdmin):
    """Customers who were deleted."""

    list_display = ("id", "country", "reason", "closed_at")
    list_filter = ("country", "reason")


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Invoices; the customer by key, since the row may not have arrived."""

    list_display = ("id", "customer_id", "status", "sold_at", "country", "total")
    list_filter = ("status", "country")
    fields = ("customer_id", "status", "sold_at", "country", "total", "cqrs_revision")


@admin.register(Sale)
class SaleAdmin(ReadOnlyAdmin):
    """Lines of invoices; related rows by key, since they may not have arrived."""

    list_display = ("id", "invoice_id", "track_id", "quantity", "unit_price", "status", "sold_at")
    list_filter = ("status", "country")
    fields = ("invoice_id", "track_id", "quantity", "unit_price", "status", "sold_at", "country")
