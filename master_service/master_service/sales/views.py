"""Endpoints of sales: parse the request, call one service, show the result.

All of them need a token, reads as well: they are about people.
"""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from master_service.api.entity_views import PLAIN, BulkCreateViewSet, described
from master_service.api.permissions import OnlyWithToken
from master_service.sales import filters, serializers, services
from master_service.sales.models import ClosingReason, Customer, Employee, Invoice, InvoiceLine


@described(serializers.EmployeeSerializer)
class EmployeeViewSet(BulkCreateViewSet):
    """Employees; nothing about them is replicated."""

    permission_classes = (OnlyWithToken,)
    queryset = Employee.objects.all()
    serializer_class = serializers.EmployeeSerializer
    ordering_fields = ("id", "last_name")


@described(serializers.CustomerSerializer)
class CustomerViewSet(BulkCreateViewSet):
    """Customers; of all this, the storefront gets the key and the country."""

    permission_classes = (OnlyWithToken,)
    queryset = Customer.objects.all()
    serializer_class = serializers.CustomerSerializer
    filterset_class = filters.CustomerFilter
    ordering_fields = ("id", "last_name", "country")

    @extend_schema(parameters=[OpenApiParameter("reason", enum=ClosingReason.values)])
    def destroy(self, request: Request, pk: str) -> Response:
        """Forgets a customer; the invoices stay, without a name and without an address."""
        query = serializers.ForgetSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        services.customer_forget(
            customer_id=self.get_object().pk, reason=query.validated_data["reason"]
        )
        return Response(status=HTTPStatus.NO_CONTENT)


@extend_schema_view(
    create=extend_schema(
        request=serializers.NewInvoiceSerializer,
        responses={HTTPStatus.CREATED: serializers.InvoiceSerializer},
    ),
    bulk_create=extend_schema(
        request=serializers.NewInvoiceSerializer(many=True),
        responses={HTTPStatus.CREATED: serializers.InvoiceSerializer(many=True)},
    ),
)
class InvoiceViewSet(BulkCreateViewSet):
    """Invoices with their lines; the storefront knows those that are no drafts."""

    permission_classes = (OnlyWithToken,)
    queryset = Invoice.objects.prefetch_related("lines")
    serializer_class = serializers.InvoiceSerializer
    filterset_class = filters.InvoiceFilter
    ordering_fields = ("id", "invoiced_at", "total")

    @extend_schema(
        request=serializers.InvoiceIdsSerializer,
        responses={HTTPStatus.OK: serializers.UpdatedSerializer},
    )
    @action(detail=False, methods=["post"], **PLAIN)
    def pay(self, request: Request) -> Response:
        """Marks drafts as paid, all or none."""
        ids = self.validated(request)["ids"]
        return Response({"updated": services.invoices_pay(invoice_ids=ids)})

    @extend_schema(
        request=serializers.InvoiceIdsSerializer,
        responses={HTTPStatus.OK: serializers.UpdatedSerializer},
    )
    @action(detail=False, methods=["post"], **PLAIN)
    def cancel(self, request: Request) -> Response:
        """Cancels paid invoices, all or none."""
        ids = self.validated(request)["ids"]
        return Response({"updated": services.invoices_cancel(invoice_ids=ids)})

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """What comes in differs from what is shown."""
        by_action: dict[str, type[Serializer[Any]]] = {
            "create": serializers.NewInvoiceSerializer,
            "bulk_create": serializers.NewInvoiceSerializer,
            "update": serializers.BillingSerializer,
            "partial_update": serializers.BillingSerializer,
            "pay": serializers.InvoiceIdsSerializer,
            "cancel": serializers.InvoiceIdsSerializer,
        }
        return by_action.get(self.action, serializers.InvoiceSerializer)

    def create_entity(self, values: dict[str, Any]) -> Invoice:
        """An invoice with its lines."""
        (invoice,) = self.create_entities([values])
        return invoice

    def create_entities(self, items: list[dict[str, Any]]) -> list[Invoice]:
        """Invoices with their lines."""
        created = services.invoices_create(items=items)
        found = self.get_queryset().in_bulk([invoice.pk for invoice in created])
        return [found[invoice.pk] for invoice in created]

    def update_entity(self, entity_id: int, changes: dict[str, Any]) -> Invoice:
        """A draft's address or date."""
        return services.invoice_update(invoice_id=entity_id, changes=changes)

    def delete_entity(self, entity_id: int) -> None:
        """A draft, or a cancelled invoice."""
        services.invoice_delete(invoice_id=entity_id)


class InvoiceLineViewSet(viewsets.ReadOnlyModelViewSet[InvoiceLine]):
    """What was sold; written with the invoices only."""

    permission_classes = (OnlyWithToken,)
    lookup_value_regex = "[0-9]+"
    queryset = InvoiceLine.objects.all()
    serializer_class = serializers.InvoiceLineSerializer
    filterset_class = filters.InvoiceLineFilter
    ordering_fields = ("id",)
