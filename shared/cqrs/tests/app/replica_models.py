"""Replica models of the tests."""

import uuid
from typing import Any, ClassVar

from django.db import connections, models

from dj_cqrs.metas import ReplicaMeta
from dj_cqrs.mixins import RawReplicaMixin, ReplicaMixin


class Item(ReplicaMixin):
    """The plain replica: everything by default, so it is applied in bulk."""

    CQRS_ID = "item"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    note = models.CharField(max_length=50, null=True)
    #: Local columns, which no master sends.
    rating = models.IntegerField(default=7)
    seen = models.BooleanField(db_default=False)


class HookedItem(ReplicaMixin):
    """The same columns, but with hooks of its own, so each message goes through them."""

    CQRS_ID = "hooked_item"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    note = models.CharField(max_length=50, null=True)
    rating = models.IntegerField(default=7)
    seen = models.BooleanField(db_default=False)

    #: What the hooks were called with, newest last.
    calls: ClassVar[list[tuple[str, Any]]] = []
    #: Names at which the hooks raise.
    explosive: ClassVar[set[str]] = set()

    @classmethod
    def cqrs_create(
        cls, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        cls._called("create", mapped_data)
        return super().cqrs_create(sync, mapped_data, previous_data, meta)

    def cqrs_update(
        self, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        self._called("update", mapped_data)
        return super().cqrs_update(sync, mapped_data, previous_data, meta)

    @classmethod
    def _called(cls, hook: str, mapped_data: Any) -> None:
        cls.calls.append((hook, mapped_data))
        if mapped_data["name"] in cls.explosive:
            raise RuntimeError(f"the hook does not like {mapped_data['name']}")


class Mapped(ReplicaMixin):
    """A replica with names of its own; it gets metadata."""

    CQRS_ID = "mapped"
    CQRS_MAPPING: ClassVar[dict[str, str]] = {"id": "key", "title": "label"}

    key = models.IntegerField(primary_key=True)
    label = models.CharField(max_length=50)


class Custom(ReplicaMixin):
    """A replica of a master with a serializer: its hooks take the payload apart."""

    CQRS_ID = "custom"
    CQRS_CUSTOM_SERIALIZATION = True
    CQRS_META = True
    CQRS_SELECT_FOR_UPDATE = True

    id = models.IntegerField(primary_key=True)
    text = models.CharField(max_length=200)

    @classmethod
    def cqrs_create(
        cls, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        return cls.objects.create(
            id=mapped_data["id"],
            text=cls._text(mapped_data, meta),
            cqrs_revision=mapped_data["cqrs_revision"],
            cqrs_updated=mapped_data["cqrs_updated"],
        )

    def cqrs_update(
        self, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        self.text = self._text(mapped_data, meta)
        self.cqrs_revision = mapped_data["cqrs_revision"]
        self.cqrs_updated = mapped_data["cqrs_updated"]
        self.save()
        return self

    @staticmethod
    def _text(mapped_data: Any, meta: Any) -> str:
        names = ", ".join(each["name"] for each in mapped_data["nested"]["items"])
        return f"{names} {(meta or {}).get('suffix', '')}".strip()


class SelfKeyed(ReplicaMixin):
    """A replica with keys of its own: which row is the master's, only its hooks know."""

    CQRS_ID = "self_keyed"

    master_id = models.IntegerField(unique=True)
    name = models.CharField(max_length=50)

    @classmethod
    def cqrs_save(
        cls, master_data: Any, previous_data: Any = None, sync: bool = False, meta: Any = None
    ) -> Any:
        values = {name: master_data[name] for name in ("name", "cqrs_revision", "cqrs_updated")}
        return cls.objects.update_or_create(master_id=master_data["id"], defaults=values)[0]

    @classmethod
    def cqrs_delete(cls, master_data: Any, meta: Any = None) -> bool:
        cls.objects.filter(master_id=master_data["id"]).delete()
        return True


class Parent(ReplicaMixin):
    CQRS_ID = "parent"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)


class Child(ReplicaMixin):
    """A replica with a real foreign key."""

    CQRS_ID = "child"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)
    parent = models.ForeignKey(Parent, on_delete=models.CASCADE)


class Node(ReplicaMixin):
    """A replica with a real foreign key to itself, and keys that look different on the wire."""

    CQRS_ID = "node"

    id = models.UUIDField(primary_key=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)


class LooseChild(ReplicaMixin):
    """A replica with the foreign key that is recommended: without a constraint."""

    CQRS_ID = "loose_child"

    id = models.IntegerField(primary_key=True)
    parent = models.ForeignKey(
        Parent, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )


class Unique(ReplicaMixin):
    """A replica with a second unique column."""

    CQRS_ID = "unique"

    id = models.IntegerField(primary_key=True)
    code = models.CharField(max_length=20, unique=True)


class Keyed(ReplicaMixin):
    """A replica whose key is a UUID."""

    CQRS_ID = "keyed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)


class EveryField(ReplicaMixin):
    """A column of every type that a payload can fill."""

    CQRS_ID = "every_field"

    id = models.BigIntegerField(primary_key=True)
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
    link = models.ForeignKey(
        Keyed, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )


class WithFile(ReplicaMixin):
    """``pre_save`` does something here, so rows are written one by one."""

    CQRS_ID = "with_file"

    id = models.IntegerField(primary_key=True)
    file = models.FileField(max_length=200, null=True)
    touched_at = models.DateTimeField(auto_now=True)


class DirectOnly(ReplicaMixin):
    """Takes a SYNC only if it was sent to this queue alone."""

    CQRS_ID = "direct_only"
    CQRS_ONLY_DIRECT_SYNCS = True

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)


class Guarded(ReplicaMixin):
    """Nobody but the consumer may write it."""

    CQRS_ID = "guarded"
    CQRS_READ_ONLY = True

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)


class Patient(ReplicaMixin):
    """A replica with its own idea of retrying."""

    CQRS_ID = "patient"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)

    @staticmethod
    def should_retry_cqrs(current_retry: int, exception: Exception | None = None) -> bool:
        return current_retry < 5 and not isinstance(exception, ZeroDivisionError)

    @staticmethod
    def get_cqrs_retry_delay(current_retry: int) -> int:
        return 10 * current_retry

    @classmethod
    def cqrs_create(
        cls, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        if mapped_data["name"] == "zero":
            raise ZeroDivisionError
        if mapped_data["name"] == "falsy":
            return None
        return super().cqrs_create(sync, mapped_data, previous_data, meta)


class Slow(ReplicaMixin):
    """A replica with a hook whose statement takes as long as the payload says."""

    CQRS_ID = "slow"

    id = models.IntegerField(primary_key=True)
    pause = models.FloatField()

    @classmethod
    def cqrs_create(
        cls, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        if mapped_data["pause"]:
            with connections[cls.cqrs.database].cursor() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", [mapped_data["pause"]])
        return super().cqrs_create(sync, mapped_data, previous_data, meta)


class Locked(ReplicaMixin):
    """A replica whose rows are locked before they are updated."""

    CQRS_ID = "locked"
    CQRS_SELECT_FOR_UPDATE = True

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)


class Notifier(RawReplicaMixin):
    """Not a model: its hooks do all."""

    CQRS_ID = "notifier"

    received: ClassVar[list[tuple[str, Any]]] = []

    @classmethod
    def cqrs_save(cls, master_data: dict[str, Any], **kwargs: Any) -> Any:
        if master_data.get("name") == "explode":
            raise RuntimeError("the notifier does not like it")
        cls.received.append(("save", master_data))
        return True

    @classmethod
    def cqrs_delete(cls, master_data: dict[str, Any], **kwargs: Any) -> Any:
        cls.received.append(("delete", master_data))
        return True


ReplicaMeta.register(Notifier)


class NoteCopy(ReplicaMixin):
    """The replica of ``Note``, whose key has another name here, and is none of the numbers."""

    CQRS_ID = "note"
    CQRS_MAPPING: ClassVar[dict[str, str]] = {"key": "number", "text": "body"}

    number = models.UUIDField(primary_key=True)
    body = models.CharField(max_length=50)


class CountryCopy(ReplicaMixin):
    """The replica of ``Country``, with a text as its key."""

    CQRS_ID = "country"

    code = models.CharField(max_length=10, primary_key=True)
    name = models.CharField(max_length=50)


class HolidayCopy(ReplicaMixin):
    """The replica of ``Holiday``, with a date as its key."""

    CQRS_ID = "holiday"

    day = models.DateField(primary_key=True)
    name = models.CharField(max_length=50)


class AuthorCopy(ReplicaMixin):
    """The replica of ``Author``, with a number as its key."""

    CQRS_ID = "author"

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=50)
