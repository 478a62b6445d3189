"""What the tests let a master do. Words of the contract only, the same for either library."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from origin.models import Announcement, Brand, Customer, Order, OrderLine, Product, Rate, Tag

_LISTED_AT = dt.datetime(2024, 2, 29, 23, 59, 59, 123456, dt.UTC)


class _ChangedMindError(Exception):
    """Raised to roll back."""


def create_rows() -> None:
    """One row of each kind, with every value set or every value missing."""
    brand = Brand.objects.create(code="Zürich/1", name="Ünïcödé „Brand“ 🚲")
    Product.objects.create(
        name="full",
        brand=brand,
        price=Decimal("1234.5678"),
        weight=0.1,
        stock=-3,
        released=dt.date(2024, 2, 29),
        listed_at=_LISTED_AT,
        batch=uuid.UUID(int=2**127 + 1),
        attributes={"sizes": [1, 2.5, None], "nested": {"ok": True}},
        notes='a "quoted" line\nand \\ another / \x7f',
    )
    Product.objects.create(name="")
    Tag.objects.create(id=uuid.UUID(int=7), label="seven", secret="never sent")
    Announcement.objects.create(text="we open")
    Rate.objects.create(value=1)


def update_rows() -> None:
    """Updates of one row after another; price and name are tracked."""
    product = Product.objects.create(name="old name", price=Decimal("9.50"))
    product.name = "new name"
    product.price = None
    product.released = dt.date(2025, 1, 1)
    product.save()
    product.notes = "the last change has no tracked field"
    product.save()
    priced = Product.objects.create(
        name="unpriced", price=Decimal(10), released=dt.date(2024, 2, 29)
    )
    priced.name = "priced"
    priced.price = Decimal("12.25")
    priced.released = None
    priced.save()
    Product.objects.create(name="branded")
    branded = Product.objects.get(name="branded")
    branded.brand = Brand.objects.create(code="B2", name="second")
    branded.save()
    tag = Tag.objects.create(id=uuid.UUID(int=8), label="eight")
    tag.label = "acht"
    tag.save()
    announcement = Announcement.objects.create(text="we close")
    announcement.text = "we never close"
    announcement.save()


def update_some_fields() -> None:
    """`save(update_fields=...)`, sent since the settings say so, and not sent on request."""
    product = Product.objects.create(name="some", stock=1)
    product.stock = 2
    product.save(update_fields=["stock"])
    quiet = Product.objects.create(name="quiet", stock=1)
    quiet.notes = "announced"
    quiet.save(update_fields=["notes"], update_cqrs_fields=True)


def delete_rows() -> None:
    """Deletes of one row, of a query set and by cascade; custom delete data goes along."""
    Product.objects.create(name="alone").delete()
    for number in range(3):
        Product.objects.create(name=f"one of many {number}")
    Product.objects.filter(name__startswith="one of many").delete()
    brand = Brand.objects.create(code="gone", name="goes with its products")
    Product.objects.create(name="goes with its brand", brand=brand)
    brand.delete()
    announcement = Announcement.objects.create(text="never mind")
    announcement.delete()
    order = _order("leaves", ("hat", 1))
    Order.objects.get(pk=order.pk).delete()


def create_tags() -> None:
    """Two rows whose key is a UUID."""
    Tag.objects.create(label="goes")
    Tag.objects.create(label="goes too")


def delete_by_uuid() -> None:
    """What django-cqrs cannot send: the DELETE of a row whose key is a UUID."""
    Tag.objects.get(label="goes").delete()
    tag = Tag.objects.get(label="goes too")
    with transaction.atomic():
        tag.save()
        tag.delete()


def keep_at_home() -> None:
    """Rows that `is_sync_instance` holds back, and one that it lets go later."""
    Product.objects.create(name="stays", is_listed=False)
    late = Product.objects.create(name="leaves later", is_listed=False)
    late.is_listed = True
    late.save()


def write_in_transactions() -> None:
    """Several saves of one row, several rows; the state at the end counts."""
    with transaction.atomic():
        product = Product.objects.create(name="draft")
        product.name = "final"
        product.save()
        Brand.objects.create(code="tx", name="in one transaction")
    with transaction.atomic():
        product.name = "first of two"
        product.save()
        product.name = "second of two"
        product.price = Decimal("2.50")
        product.save()
    with transaction.atomic():
        inner = Product.objects.create(name="outer")
        with transaction.atomic():
            Brand.objects.create(code="inner", name="of a savepoint")
        inner.stock = 5
        inner.save()


def roll_back() -> None:
    """Nothing of it may leave: a whole transaction, and a savepoint beside a change that stays."""
    try:
        with transaction.atomic():
            Brand.objects.create(code="never", name="never")
            raise _ChangedMindError
    except _ChangedMindError:
        pass
    with transaction.atomic():
        Brand.objects.create(code="stays", name="beside a savepoint that does not")
        try:
            with transaction.atomic():
                Brand.objects.create(code="undone", name="undone")
                raise _ChangedMindError
        except _ChangedMindError:
            pass


def write_orders() -> None:
    """Orders with their related rows, in one transaction and announced by hand."""
    order = _order("Ada", ("pen", 2), ("ink", 1))
    with transaction.atomic():
        OrderLine.objects.create(order=order, item="paper", count=500)
        order.save()
    customer = order.customer
    customer.is_vip = True
    customer.save()
    order.save()
    empty = _order("Bob")
    empty.cqrs_sync()


def _order(customer: str, *lines: tuple[str, int]) -> Order:
    with transaction.atomic():
        order = Order.objects.create(customer=Customer.objects.create(name=customer))
        for item, count in lines:
            OrderLine.objects.create(order=order, item=item, count=count)
    return order


def write_in_bulk() -> None:
    """`bulk_create` and `bulk_update` of the `cqrs` manager, also inside a transaction."""
    Product.cqrs.bulk_create(
        [Product(name=f"bulk {number}", price=Decimal(number) / 4) for number in range(20)]
    )
    Product.cqrs.bulk_update(Product.objects.filter(name="bulk 7"), notes="seven", price=7)
    with transaction.atomic():
        Product.cqrs.bulk_update(
            Product.objects.filter(name__startswith="bulk 1"), stock=11, name="bulk renamed"
        )
    brands = [Brand(code=f"bulk{number}", name=f"{number}") for number in range(3)]
    Brand.cqrs.bulk_create(brands)
    Brand.objects.filter(code="bulk0").update(
        name="announced by hand", cqrs_revision=F("cqrs_revision") + 1, cqrs_updated=now()
    )
    Brand.call_post_update(list(Brand.objects.filter(code="bulk0")))


def announce(texts: list[str]) -> None:
    """Announcements, one transaction each."""
    for text in texts:
        Announcement.objects.create(text=text)


def sync_sample() -> None:
    """Rows to sync, once or more often."""
    Product.objects.create(name="to sync", price=Decimal("0.25"))
    Tag.objects.create(label="to sync")
    Rate.objects.create(value=3)


def sync_rows(queue: str | None = None) -> int:
    """`Model.cqrs_sync` of products, tags and rates; returns how many said yes."""
    listed = Product.objects.filter(is_listed=True)
    rows: list[Any] = [*listed, *Tag.objects.all(), *Rate.objects.all()]
    return sum(row.cqrs_sync(queue=queue) for row in rows)


def touch_rates() -> None:
    """Save every rate as it is."""
    for rate in Rate.objects.all():
        rate.save()


def write_brands(numbers: list[int], text: str) -> None:
    """Create or update brands with these numbers, one transaction each."""
    for number in numbers:
        code = f"n{number:05}"
        brand = Brand.objects.filter(pk=code).first() or Brand(code=code)
        brand.name = f"{text} {number}"
        brand.save()


def delete_brands(numbers: list[int]) -> None:
    """Delete brands with these numbers."""
    for number in numbers:
        Brand.objects.get(pk=f"n{number:05}").delete()
