"""Master models. Between them they use what masters of django-cqrs can use."""

import uuid
from typing import Any

from django.db import models

from dj_cqrs.mixins import MasterMixin


class Brand(MasterMixin):
    """A text key, and dependents that are deleted with it."""

    CQRS_ID = "brand"

    code = models.CharField(max_length=20, primary_key=True)
    name = models.CharField(max_length=200)


class Product(MasterMixin):
    """Fields of many kinds, previous values, rows that stay at home, custom delete data."""

    CQRS_ID = "product"
    CQRS_TRACKED_FIELDS = ("name", "price", "released", "brand")

    name = models.CharField(max_length=200)
    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    price = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    weight = models.FloatField(null=True)
    stock = models.IntegerField(default=0)
    released = models.DateField(null=True)
    listed_at = models.DateTimeField(null=True)
    batch = models.UUIDField(null=True)
    is_listed = models.BooleanField(default=True)
    attributes = models.JSONField(null=True)
    notes = models.TextField(null=True)
    internal = models.CharField(max_length=200, default="stays at home")

    def is_sync_instance(self) -> bool:
        """Only listed products leave the house."""
        return self.is_listed

    def get_custom_cqrs_delete_data(self) -> dict[str, Any]:
        """What a replica may want to know of a product that is gone."""
        return {"name": self.name}


class Tag(MasterMixin):
    """A UUID as its key, and only some of its fields."""

    CQRS_ID = "tag"
    CQRS_FIELDS = ("id", "label")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    label = models.CharField(max_length=200)
    secret = models.CharField(max_length=200, default="")


class Customer(models.Model):
    """No master: its values travel inside orders."""

    name = models.CharField(max_length=200)
    is_vip = models.BooleanField(default=False)


class Order(MasterMixin):
    """A custom serialization with related rows."""

    CQRS_ID = "order"
    CQRS_SERIALIZER = "origin.serializers.OrderSerializer"

    customer = models.ForeignKey(Customer, models.CASCADE)

    @classmethod
    def relate_cqrs_serialization(cls, queryset: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
        """All that the serializer needs, in two queries."""
        return queryset.select_related("customer").prefetch_related("lines")


class OrderLine(models.Model):
    """No master either."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    item = models.CharField(max_length=200)
    count = models.IntegerField()

    class Meta:
        ordering = ["pk"]


class Announcement(MasterMixin):
    """For a listener that is no model."""

    CQRS_ID = "announcement"

    text = models.CharField(max_length=200)


class Rate(MasterMixin):
    """For a replica that takes no syncs but its own."""

    CQRS_ID = "rate"

    value = models.IntegerField()
