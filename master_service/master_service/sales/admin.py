"""Sales for people: the same use cases as the API, in Django's admin."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from dj_cqrs.admin import CQRSAdminMasterSyncMixin
from master_service.errors import ApplicationError
from master_service.generic_admin import ModelAdmin, TabularInline
from master_service.sales import services
from master_service.sales.models import ClosingReason, Customer, Employee, Invoice, InvoiceLine


@admin.register(Employee)
class EmployeeAdmin(ModelAdmin):
    """Employees."""

    list_display = ("last_name", "first_name", "title", "reports_to", "id")
    list_select_related = ("reports_to",)
    search_fields = ("last_name", "first_name", "email")
    autocomplete_fields = ("reports_to",)


@admin.register(Customer)
class CustomerAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """Customers; forgetting one is more than deleting a row, so it is an action of its own."""

    list_display = ("last_name", "first_name", "company", "country", "id", "cqrs_revision")
    list_filter = ("country",)
    search_fields = ("last_name", "first_name", "company", "email")
    autocomplete_fields = ("support_rep",)
    readonly_fields = ("cqrs_revision",)
    actions = ("forget",)

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """Customers are forgotten, not deleted."""
        return False

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Who may delete customers may forget them."""
        return request.user.has_perm("sales.delete_customer")

    @admin.action(permissions=["forget"], description="Forget: invoices stay, without a name")
    def forget(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        """Forgets the selected customers, who have asked for it."""
        keys = list(queryset.order_by("pk").values_list("pk", flat=True))
        for key in keys:
            services.customer_forget(customer_id=key, reason=ClosingReason.ASKED)
        self.message_user(request, f"{len(keys)} customers forgotten.")


class LineInline(TabularInline):
    """What was sold; to be read only."""

    model = InvoiceLine
    fields = ("track", "quantity", "unit_price")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An invoice is made with its lines, by the API."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        """With the tracks that are shown."""
        queryset: QuerySet[InvoiceLine] = super().get_queryset(request)
        return queryset.select_related("track")


@admin.register(Invoice)
class InvoiceAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """Invoices: to be read, paid and cancelled."""

    list_display = ("id", "invoiced_at", "customer", "billing_country", "status", "total")
    list_select_related = ("customer",)
    list_filter = ("status", "billing_country")
    date_hierarchy = "invoiced_at"
    search_fields = ("customer__last_name", "customer__email")
    inlines = (LineInline,)
    actions = ("pay", "cancel")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """An invoice is made with its lines, by the API."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        """What was sold is not altered."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        """Books are kept; the API deletes drafts."""
        return False

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Who could change invoices, if they were not books."""
        return request.user.has_perm("sales.change_invoice")

    @admin.action(permissions=["settle"], description="Mark as paid")
    def pay(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Marks the selected drafts as paid."""
        self._settle(request, queryset, services.invoices_pay)

    @admin.action(permissions=["settle"], description="Cancel")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Cancels the selected paid invoices."""
        self._settle(request, queryset, services.invoices_cancel)

    def _settle(
        self, request: HttpRequest, queryset: QuerySet[Invoice], settle: Callable[..., int]
    ) -> None:
        keys = list(queryset.values_list("pk", flat=True))
        try:
            count = settle(invoice_ids=keys)
        except ApplicationError as error:
            self.message_user(request, str(error), level=messages.ERROR)
        else:
            self.message_user(request, f"{count} invoices changed.")
