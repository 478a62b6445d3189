"""Endpoints of sales: rows, and the figures that follow from them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from replica_service.sales import filters, selectors, serializers
from replica_service.sales.models import Customer, Invoice, Sale
from replica_service.storefront.views import ReplicaViewSet


class CustomerViewSet(ReplicaViewSet):
    """Customers, of whom nothing but the country is known."""

    queryset = Customer.objects.all()
    serializer_class = serializers.CustomerSerializer
    filterset_class = filters.CustomerFilter
    ordering_fields = ("id", "country")


class InvoiceViewSet(ReplicaViewSet):
    """Invoices that are paid, or were."""

    queryset = Invoice.objects.all()
    serializer_class = serializers.InvoiceSerializer
    filterset_class = filters.InvoiceFilter
    ordering_fields = ("id", "sold_at", "total")


class SaleViewSet(ReplicaViewSet):
    """The lines of those invoices."""

    queryset = Sale.objects.all()
    serializer_class = serializers.SaleSerializer
    filterset_class = filters.SaleFilter
    ordering_fields = ("id", "sold_at")


class TrackFigureViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """Best sellers: what was sold of each track."""

    queryset = selectors.track_figures()
    serializer_class = serializers.TrackFigureSerializer
    filterset_class = filters.FigureFilter
    ordering_fields = ("units", "revenue")
    ordering = ("-units",)
    ordering_key = "track_id"


class ArtistFigureViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """What was sold of each artist."""

    queryset = selectors.artist_figures()
    serializer_class = serializers.ArtistFigureSerializer
    filterset_class = filters.FigureFilter
    ordering_fields = ("units", "revenue")
    ordering = ("-units",)
    ordering_key = "artist_id"


class CountryFigureViewSet(viewsets.ViewSet):
    """What each country means to the shop: customers, lost customers, sales."""

    @extend_schema(responses=serializers.CountryFigureSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All countries, by name; there are not enough of them for pages."""
        figures = selectors.country_figures()
        return Response(serializers.CountryFigureSerializer(figures, many=True).data)
