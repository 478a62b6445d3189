"""Replica models, and what else hears of the master's changes."""

from typing import Any

from django.db import models

from dj_cqrs.metas import ReplicaMeta
from dj_cqrs.mixins import RawReplicaMixin, ReplicaMixin


class Brand(ReplicaMixin):
    """The master's fields, and one of its own."""

    CQRS_ID = "brand"

    code = models.CharField(max_length=20, primary_key=True)
    name = models.CharField(max_length=200)
    own_words = models.TextField(null=True)


class Product(ReplicaMixin):
    """Other names than the master's; keeps the previous values and the metadata it got."""

    CQRS_ID = "product"
    CQRS_META = True
    CQRS_SELECT_FOR_UPDATE = True
    CQRS_MAPPING = {
        "id": "id",
        "name": "title",
        "brand": "brand_code",
        "price": "amount",
        "weight": "weight",
        "stock": "stock",
        "released": "released_on",
        "listed_at": "listed_at",
        "batch": "batch",
        "attributes": "attributes",
        "notes": "notes",
    }

    title = models.CharField(max_length=200)
    brand_code = models.CharField(max_length=20, null=True)
    amount = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    weight = models.FloatField(null=True)
    stock = models.IntegerField()
    released_on = models.DateField(null=True)
    listed_at = models.DateTimeField(null=True)
    batch = models.UUIDField(null=True)
    attributes = models.JSONField(null=True)
    notes = models.TextField(null=True)
    previous = models.JSONField(null=True)
    meta = models.JSONField(null=True)

    @classmethod
    def cqrs_create(
        cls,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Keep what came along."""
        mapped_data = {**mapped_data, "previous": previous_data, "meta": meta}
        return super().cqrs_create(sync, mapped_data, previous_data, meta)

    def cqrs_update(
        self,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Keep what came along."""
        mapped_data = {**mapped_data, "previous": previous_data, "meta": meta}
        return super().cqrs_update(sync, mapped_data, previous_data, meta)

    @classmethod
    def cqrs_delete(cls, master_data: dict[str, Any], meta: dict[str, Any] | None = None) -> bool:
        """Remember the custom delete data."""
        custom = master_data.get("custom", {})  # a repair knows nothing but the key
        Departure.objects.create(product_id=master_data["id"], custom=custom, meta=meta)
        return super().cqrs_delete(master_data, meta)


class Departure(models.Model):
    """What the replica was told of a product that is gone."""

    product_id = models.BigIntegerField()
    custom = models.JSONField()
    meta = models.JSONField(null=True)


class Tag(ReplicaMixin):
    """A UUID as its key."""

    CQRS_ID = "tag"

    id = models.UUIDField(primary_key=True)
    label = models.CharField(max_length=200)


class Order(ReplicaMixin):
    """Takes the serializer's data apart."""

    CQRS_ID = "order"
    CQRS_CUSTOM_SERIALIZATION = True

    customer = models.CharField(max_length=200)
    is_vip = models.BooleanField()
    items = models.JSONField()

    @classmethod
    def cqrs_create(
        cls,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Flatten the order."""
        return cls.objects.create(id=mapped_data["id"], **cls._columns(mapped_data))

    def cqrs_update(
        self,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Flatten the order."""
        for name, value in self._columns(mapped_data).items():
            setattr(self, name, value)
        self.save()
        return self

    @staticmethod
    def _columns(data: dict[str, Any]) -> dict[str, Any]:
        return {
            "cqrs_revision": data["cqrs_revision"],
            "cqrs_updated": data["cqrs_updated"],
            "customer": data["customer"]["name"],
            "is_vip": data["customer"]["vip"],
            "items": data["lines"],
        }


class HeardAnnouncement(models.Model):
    """What the listener wrote down."""

    number = models.BigIntegerField(primary_key=True)
    revision = models.IntegerField(default=-1)
    text = models.CharField(max_length=200, null=True)


class AnnouncementListener(RawReplicaMixin):
    """Not a model: hears of announcements all the same, and minds their order itself."""

    CQRS_ID = "announcement"

    @classmethod
    def cqrs_save(cls, master_data: dict[str, Any], **_: Any) -> Any:
        """Write the announcement down."""
        return cls._hear(master_data, master_data["text"])

    @classmethod
    def cqrs_delete(cls, master_data: dict[str, Any], **_: Any) -> bool:
        """Keep the number alone: a late save must not bring the text back."""
        return cls._hear(master_data, None)

    @staticmethod
    def _hear(data: dict[str, Any], text: str | None) -> bool:
        revision = data["cqrs_revision"]
        HeardAnnouncement.objects.get_or_create(number=data["id"])
        heard = HeardAnnouncement.objects.filter(number=data["id"], revision__lt=revision)
        heard.update(revision=revision, text=text)
        return True


ReplicaMeta.register(AnnouncementListener)


class Rate(ReplicaMixin):
    """Takes no syncs but those sent to its queue alone."""

    CQRS_ID = "rate"
    CQRS_ONLY_DIRECT_SYNCS = True

    value = models.IntegerField()
