"""How users of the contract test their masters: `produce` is patched where it is looked up."""

from typing import Any
from unittest import mock

from django.db import transaction
from django.test import TestCase, TransactionTestCase

from dj_cqrs.constants import SignalType
from origin.models import Brand, Product

PRODUCE = "dj_cqrs.controller.producer.produce"


def payloads(produce: mock.Mock) -> list[tuple[Any, ...]]:
    """What was produced, as far as it is the same in every run."""
    found = [call.args[0] for call in produce.call_args_list]
    return [(p.signal_type, p.cqrs_id, p.pk, p.instance_data.get("name")) for p in found]


class CommittingTests(TransactionTestCase):
    """Commits are real here."""

    def test_a_save_is_produced_at_once(self) -> None:
        with mock.patch(PRODUCE) as produce:
            brand = Brand.objects.create(code="x", name="first")
            self.assertEqual(payloads(produce), [(SignalType.SAVE, "brand", "x", "first")])
            brand.delete()

        payload = produce.call_args.args[0]
        self.assertEqual(payload.signal_type, SignalType.DELETE)
        self.assertEqual(payload.instance_data["id"], "x")
        self.assertEqual(payload.instance_data["cqrs_revision"], 1)
        self.assertEqual(produce.call_count, 2)

    def test_nothing_is_produced_before_the_commit(self) -> None:
        with mock.patch(PRODUCE) as produce, transaction.atomic():
            product = Product.objects.create(name="draft")
            product.name = "final"
            product.save()
            produce.assert_not_called()

        self.assertEqual(payloads(produce), [(SignalType.SAVE, "product", product.pk, "final")])

    def test_a_sync_names_its_queue(self) -> None:
        with mock.patch(PRODUCE) as produce:
            brand = Brand.objects.create(code="x", name="first")
            produce.reset_mock()
            self.assertTrue(brand.cqrs_sync(queue="theirs"))

        payload = produce.call_args.args[0]
        self.assertEqual((payload.signal_type, payload.queue), (SignalType.SYNC, "theirs"))


class CapturedTests(TestCase):
    """Commits never come, unless Django's helper captures them."""

    def test_captured_commits_produce(self) -> None:
        with mock.patch(PRODUCE) as produce:
            with self.captureOnCommitCallbacks(execute=True):
                Brand.objects.create(code="x", name="captured")
            self.assertEqual(payloads(produce), [(SignalType.SAVE, "brand", "x", "captured")])

    def test_without_that_nothing_is_produced(self) -> None:
        with mock.patch(PRODUCE) as produce:
            Brand.objects.create(code="x", name="never committed")

        produce.assert_not_called()

    def test_the_representation_is_there_without_a_commit(self) -> None:
        product = Product.objects.create(name="shown", stock=3)
        data = product.to_cqrs_dict()

        self.assertEqual((data["name"], data["stock"], data["cqrs_revision"]), ("shown", 3, 0))
        self.assertEqual(data["brand"], None)
