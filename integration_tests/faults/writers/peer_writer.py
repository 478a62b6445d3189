"""The same for the peer project, which runs on this library and on django-cqrs alike.

It does what django-cqrs replicates faithfully as long as nothing goes wrong: what is compared is
what faults do to either library, not what one of them never promised. No key is used twice.
"""

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import transaction
from loop import Action, ChangedMindError, word, write

_FEWEST = 20
_MOST = 120


class _Origin:
    """Changes of brands and products."""

    def __init__(self) -> None:
        self._brand, self._product, self._tag, self._customer, self._order, self._line = (
            apps.get_model("origin", name)
            for name in ("Brand", "Product", "Tag", "Customer", "Order", "OrderLine")
        )

    def actions(self) -> Sequence[Action]:
        """What the writer chooses from."""
        return (
            self.create,
            self.create_together,
            self.create_many,
            self.rename_brand,
            self.change,
            self.change,
            self.change_many,
            self.order,
            self.tag,
            self.roll_back,
            self.delete,
            self.delete_brand,
        )

    def create(self, rng: random.Random) -> None:
        """A brand, and a product of it."""
        if self._product.objects.count() < _MOST:
            brand = self._brand.objects.create(code=word(rng), name=word(rng))
            self._new_product(rng, brand).save()

    def create_together(self, rng: random.Random) -> None:
        """The same in one transaction."""
        if self._product.objects.count() < _MOST:
            with transaction.atomic():
                brand = self._brand.objects.create(code=word(rng), name=word(rng))
                self._new_product(rng, brand).save()

    def create_many(self, rng: random.Random) -> None:
        """Products with one INSERT."""
        if self._product.objects.count() < _MOST:
            self._product.cqrs.bulk_create([self._new_product(rng, None) for _ in range(5)])

    def rename_brand(self, rng: random.Random) -> None:
        """One save of a row with a text key."""
        for brand in self._sample(rng, self._brand, 1):
            brand.name = word(rng)
            brand.save()

    def change(self, rng: random.Random) -> None:
        """One save with tracked fields."""
        for product in self._sample(rng, self._product, 1):
            product.name = word(rng)
            product.price = self._price(rng)
            product.save()

    def change_many(self, rng: random.Random) -> None:
        """Several rows with one UPDATE."""
        keys = [product.pk for product in self._sample(rng, self._product, 3)]
        if keys:
            self._product.cqrs.bulk_update(
                self._product.objects.filter(pk__in=keys), stock=rng.randint(0, 999)
            )

    def order(self, rng: random.Random) -> None:
        """A row with related ones in its payload, in one transaction."""
        with transaction.atomic():
            customer = self._customer.objects.create(name=word(rng))
            order = self._order.objects.create(customer=customer)
            self._line.objects.create(order=order, item=word(rng), count=rng.randint(1, 9))

    def tag(self, rng: random.Random) -> None:
        """A row with a UUID as its key."""
        self._tag.objects.create(label=word(rng))

    def roll_back(self, rng: random.Random) -> None:
        """Nothing of it may be seen anywhere."""
        for product in self._sample(rng, self._product, 1):
            with transaction.atomic():
                product.name = f"never {word(rng)}"
                product.save()
                raise ChangedMindError

    def delete(self, rng: random.Random) -> None:
        """One product."""
        if self._product.objects.count() > _FEWEST:
            for product in self._sample(rng, self._product, 1):
                product.delete()

    def delete_brand(self, rng: random.Random) -> None:
        """A brand with its products."""
        if self._brand.objects.count() > _FEWEST:
            for brand in self._sample(rng, self._brand, 1):
                brand.delete()

    @staticmethod
    def _sample(rng: random.Random, model: Any, count: int) -> list[Any]:
        rows = list(model.objects.order_by("pk"))
        return rng.sample(rows, min(count, len(rows)))

    def _new_product(self, rng: random.Random, brand: Any) -> Any:
        return self._product(name=word(rng), brand=brand, price=self._price(rng))

    @staticmethod
    def _price(rng: random.Random) -> Decimal:
        return Decimal(rng.randint(0, 500)) / 4


if __name__ == "__main__":
    write(lambda: _Origin().actions())
