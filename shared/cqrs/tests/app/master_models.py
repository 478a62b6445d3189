"""Master models of the tests."""

import uuid
from typing import Any

from django.db import models

from dj_cqrs.metas import MasterMeta
from dj_cqrs.mixins import MasterMixin, RawMasterMixin
from tests.settings import TEST_DATABASE

#: PostgreSQL has none without an extension.
CASELESS = {"sqlite": "nocase", "mariadb": "utf8mb4_general_ci"}.get(TEST_DATABASE)


class Author(MasterMixin):
    """A plain master: every field by default."""

    CQRS_ID = "author"

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Publisher(models.Model):
    """No master itself, but embedded in a book's payload."""

    name = models.CharField(max_length=50)


class Book(MasterMixin):
    """A master with a serializer, tracked fields and embedded rows."""

    CQRS_ID = "book"
    CQRS_SERIALIZER = "tests.app.serializers.BookSerializer"
    CQRS_TRACKED_FIELDS = ("title", "author", "price")
    CQRS_RELATED = ("author", "publisher")

    title = models.CharField(max_length=50)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, null=True)
    price = models.DecimalField(max_digits=30, decimal_places=18, default=1)

    @classmethod
    def relate_cqrs_serialization(cls, queryset: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
        return queryset.select_related("author", "publisher")


class Note(MasterMixin):
    """A master with a chosen set of fields, an own key, and rows that stay at home."""

    CQRS_ID = "note"
    CQRS_FIELDS = ("key", "text")

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = models.CharField(max_length=50)
    secret = models.CharField(max_length=50, default="")
    is_public = models.BooleanField(default=True)

    def is_sync_instance(self) -> bool:
        return self.is_public

    def get_cqrs_meta(self, **kwargs: Any) -> dict[str, Any]:
        return {"signal": str(kwargs["signal_type"]), "text": self.text}

    def get_custom_cqrs_delete_data(self) -> dict[str, Any] | None:
        return {"text": self.text}


class Visible(models.Manager["Hidden"]):
    def get_queryset(self) -> "models.QuerySet[Hidden]":
        return super().get_queryset().filter(is_deleted=False)


class Hidden(MasterMixin):
    """A master whose default manager hides rows."""

    CQRS_ID = "hidden"

    objects = Visible()  # type: ignore[misc]
    name = models.CharField(max_length=50)
    is_deleted = models.BooleanField(default=False)


class EveryKind(MasterMixin):
    """The master of ``EveryField``: one column of each kind that Django has."""

    CQRS_ID = "every_field"

    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=200, null=True)
    text = models.TextField(null=True)
    slug = models.SlugField(null=True)
    small = models.SmallIntegerField(null=True)
    big = models.BigIntegerField(null=True)
    floating = models.FloatField(null=True)
    decimal = models.DecimalField(max_digits=38, decimal_places=20, null=True)
    date = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    time = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    binary = models.BinaryField(null=True)
    json = models.JSONField(null=True)
    unique_id = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)
    file = models.FileField(null=True)
    link = models.ForeignKey(Note, on_delete=models.CASCADE, null=True, related_name="+")


class Silent(MasterMixin):
    """A master that does not produce."""

    CQRS_ID = "silent"
    CQRS_PRODUCE = False

    name = models.CharField(max_length=50)


class Country(MasterMixin):
    """A master whose key is a text."""

    CQRS_ID = "country"

    code = models.CharField(max_length=10, primary_key=True)
    name = models.CharField(max_length=50)


class Capital(MasterMixin):
    """A master whose key is another row's."""

    CQRS_ID = "capital"

    country = models.OneToOneField(Country, on_delete=models.CASCADE, primary_key=True)
    name = models.CharField(max_length=50)


class Holiday(MasterMixin):
    """A master whose key is a date."""

    CQRS_ID = "holiday"

    day = models.DateField(primary_key=True)
    name = models.CharField(max_length=50)


class Fragile(MasterMixin):
    """A master some of whose rows cannot be sent."""

    CQRS_ID = "fragile"

    name = models.CharField(max_length=50)

    def to_cqrs_dict(self, using: str | None = None, sync: bool = False) -> dict[str, Any]:
        if self.name == "broken":
            raise ValueError("it is broken")
        return super().to_cqrs_dict(using=using, sync=sync)

    def is_sync_instance(self) -> bool:
        return self.name != "private"


class Signed(MasterMixin):
    """A master that overrides what can be overridden, with arguments called as it likes.

    Its ``__init__`` looks at fields, which objects of some loaded fields only would load again.
    """

    CQRS_ID = "signed"
    CQRS_TRACKED_FIELDS = ("name",)

    name = models.CharField(max_length=50)
    is_public = models.BooleanField(default=False)
    is_secret = models.BooleanField(default=False)

    by: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_shown = self.is_public and not self.is_secret

    def is_sync_instance(self) -> bool:
        return self.is_public

    def to_cqrs_dict(self, db: str | None = None, sync: bool = False) -> dict[str, Any]:
        return {**super().to_cqrs_dict(db, sync=sync), "by": self.by, "is_sync": sync}

    def get_tracked_fields_data(self) -> dict[str, Any] | None:
        return {"before": super().get_tracked_fields_data()}


class Attachment(MasterMixin):
    """The master of ``WithFile``."""

    CQRS_ID = "with_file"

    file = models.FileField(max_length=200, null=True)


class Branch(MasterMixin):
    """A tree, whose rows point to rows of the same table, with keys that say nothing of order."""

    CQRS_ID = "branch"
    CQRS_TRACKED_FIELDS = "__all__"

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)


class Animal(RawMasterMixin):
    """A table of its own that is not replicated as such."""

    name = models.CharField(max_length=50)


class Dog(Animal):
    """A proxy that is: registered by hand, with an id of its own."""

    CQRS_ID = "dog"
    CQRS_TRACKED_FIELDS = ("name",)

    class Meta:
        proxy = True


MasterMeta.register(Dog)


class Station(MasterMixin):
    """A master whose key is a text of which the database takes capitals for small letters."""

    CQRS_ID = "station"

    code = models.CharField(max_length=10, primary_key=True, db_collation=CASELESS)
    name = models.CharField(max_length=50)
