"""How users of the contract test their replicas: payloads are consumed in process."""

from typing import Any

from django.test import TestCase

from copies.models import Brand, Departure, Product
from dj_cqrs.constants import SignalType
from dj_cqrs.controller.consumer import consume
from dj_cqrs.dataclasses import TransportPayload

UPDATED = "2024-02-29 23:59:59.123456+00:00"


def brand(revision: int, name: str) -> dict[str, Any]:
    """Instance data of a brand."""
    return {"code": "x", "name": name, "cqrs_revision": revision, "cqrs_updated": UPDATED}


class ConsumingTests(TestCase):
    """Through the consumer, and through the model alone."""

    def test_a_payload_creates_and_the_next_one_updates(self) -> None:
        for revision, name in enumerate(["first", "second"]):
            payload = TransportPayload(SignalType.SAVE, "brand", brand(revision, name), "x")
            self.assertTrue(consume(payload))

        row = Brand.objects.get()
        self.assertEqual((row.name, row.cqrs_revision), ("second", 1))

    def test_a_late_payload_changes_nothing_and_is_done(self) -> None:
        for revision, name in [(3, "newer"), (2, "older"), (3, "again")]:
            payload = TransportPayload(SignalType.SAVE, "brand", brand(revision, name), "x")
            self.assertTrue(consume(payload))

        self.assertEqual(Brand.objects.get().name, "newer")

    def test_a_delete_calls_the_models_hook(self) -> None:
        data = {
            "id": 5,
            "cqrs_revision": 1,
            "cqrs_updated": UPDATED,
            "custom": {"name": "gone"},
        }
        self.assertTrue(consume(TransportPayload(SignalType.DELETE, "product", data, 5)))

        self.assertEqual(Departure.objects.get().custom, {"name": "gone"})

    def test_a_model_saves_what_it_is_given(self) -> None:
        self.assertIsNone(Brand.cqrs_save({"code": "x", "cqrs_revision": 0}))
        saved = Brand.cqrs_save(brand(4, "by hand"))

        self.assertEqual((saved.code, Brand.objects.get().cqrs_revision), ("x", 4))
        self.assertTrue(
            Brand.cqrs_delete({"id": "x", "cqrs_revision": 5, "cqrs_updated": UPDATED})
        )
        self.assertFalse(Brand.objects.exists())

    def test_rows_can_be_made_without_a_master(self) -> None:
        Product.objects.create(
            id=1, title="fixture", stock=0, cqrs_revision=0, cqrs_updated=UPDATED
        )

        self.assertEqual(Product.objects.get().title, "fixture")
