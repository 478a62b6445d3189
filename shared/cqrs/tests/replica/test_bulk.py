"""The bulk path is taken only where nobody can notice, and costs a handful of statements."""

from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_init, post_save, pre_delete
from django.test.utils import CaptureQueriesContext

from dj_cqrs.replica import bulk
from dj_cqrs.replica.batch import apply_batch
from tests.app import replica_models
from tests.app.replica_models import Item
from tests.replica.support import delete, save

pytestmark = pytest.mark.django_db

# model -> whether it is written in bulk, and why
CONDITIONS = [
    ("Item", True),  # all by default
    ("Mapped", True),  # a mapping changes names only
    ("Child", True),  # an enforced foreign key is checked before
    ("Parent", True),  # cascades are done by Django's collector
    # Where an upsert names its key, a clash on another index is an error. MySQL's cannot.
    ("Unique", connection.features.supports_update_conflicts_with_target),
    ("Keyed", True),
    ("EveryField", True),
    ("Guarded", True),  # the consumer may write it
    ("DirectOnly", True),
    ("HookedItem", False),  # hooks of its own
    ("Patient", False),  # a cqrs_create of its own
    ("Custom", False),  # only its hooks know what the payload means
    ("WithFile", False),  # auto_now, and a file field that saves files
]


@pytest.mark.parametrize(("name", "expected"), CONDITIONS)
def test_a_model_is_written_in_bulk_only_if_nothing_of_its_own_is_left_out(
    name: str, expected: bool
) -> None:
    assert bulk.can_apply_in_bulk(getattr(replica_models, name), "default") is expected


@pytest.mark.parametrize("signal", [post_save, pre_delete, post_init])
def test_receivers_of_a_models_signals_are_called(signal: Any) -> None:
    received = []

    def receiver(sender: Any, **kwargs: Any) -> None:
        received.append(sender)

    signal.connect(receiver, sender=Item)
    try:
        assert not bulk.can_apply_in_bulk(Item, "default")
        apply_batch([save(0, name="x"), delete(1)])
    finally:
        signal.disconnect(receiver, sender=Item)
    assert Item in received
    assert bulk.can_apply_in_bulk(Item, "default")


@pytest.mark.parametrize("count", [1, 50])
def test_the_number_of_statements_does_not_grow_with_the_batch(count: int) -> None:
    with CaptureQueriesContext(connection) as created:
        apply_batch([save(0, pk=pk, name="x") for pk in range(count)])
    with CaptureQueriesContext(connection) as changed:
        apply_batch([save(1, pk=pk, name="y") for pk in range(count)])
    with CaptureQueriesContext(connection) as repeated:
        apply_batch([save(1, pk=pk, name="y") for pk in range(count)])

    # Savepoints of the batch and of the group; lock, look, write, remember; one look for what is
    # overtaken in the inbox.
    assert len(created) <= 11
    assert len(changed) <= 9
    assert len(repeated) <= 6
    assert Item.objects.filter(name="y").count() == count
