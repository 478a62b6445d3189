"""Shapes of the API; for reading only."""

from typing import Any

from rest_framework import serializers

from replica_service.storefront.serializers import PriceField, ReplicaSerializer


class CustomerSerializer(ReplicaSerializer):
    """A customer: no more than the country is known."""

    country = serializers.CharField()


class InvoiceSerializer(ReplicaSerializer):
    """An invoice; without its customer, once that one was forgotten."""

    customer_id = serializers.IntegerField(allow_null=True)
    status = serializers.CharField()
    sold_at = serializers.DateTimeField()
    country = serializers.CharField()
    total = PriceField()


class SaleSerializer(ReplicaSerializer):
    """One line of an invoice."""

    invoice_id = serializers.IntegerField()
    status = serializers.CharField()
    sold_at = serializers.DateTimeField()
    country = serializers.CharField()
    track_id = serializers.IntegerField()
    unit_price = PriceField()
    quantity = serializers.IntegerField()


class RevenueField(serializers.DecimalField):
    """A sum of prices: a decimal as a string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=20, decimal_places=2, **kwargs)


class FigureSerializer(serializers.Serializer[Any]):
    """What was sold of something."""

    units = serializers.IntegerField()
    revenue = RevenueField()


class ArtistFigureSerializer(FigureSerializer):
    """What was sold of an artist; null stands for tracks that have not arrived yet."""

    artist_id = serializers.IntegerField(allow_null=True)
    artist_name = serializers.CharField(allow_null=True)


class TrackFigureSerializer(ArtistFigureSerializer):
    """What was sold of a track."""

    track_id = serializers.IntegerField()
    track_name = serializers.CharField(allow_null=True)


class CountryFigureSerializer(FigureSerializer):
    """What a country means to the shop."""

    country = serializers.CharField()
    customers = serializers.IntegerField()
    closed_accounts = serializers.IntegerField()
    invoices = serializers.IntegerField()
