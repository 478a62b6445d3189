"""Rows that point to others: in whatever order they come, they arrive."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.with_inbox import InboxApplier
from tests.app.replica_models import Child, Item, Node, Parent
from tests.replica.parked import Status, parked, retry
from tests.replica.support import delete, save

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_child_waits_for_its_parent_without_using_up_attempts() -> None:
    apply_batch([save(0, cqrs_id="child", name="c", parent=5), save(0, name="neighbour")])
    for _ in range(10):
        retry()
    assert (parked().status, parked().attempts) == (Status.WAITING, 0)
    assert parked().waits_for == "parent/5"
    assert Item.objects.exists()

    ParkedMessage.objects.update(due_at=timezone.now() + timedelta(hours=1))
    apply_batch([save(0, cqrs_id="parent", pk=5, name="p")])

    InboxApplier().do_chores()  # the parent's arrival has made it due
    assert Child.objects.get().parent_id == 5
    assert not ParkedMessage.objects.exists()


def test_parents_and_children_of_one_batch_are_applied_in_order() -> None:
    apply_batch(
        [
            save(0, cqrs_id="child", pk=1, name="c", parent=5),
            save(0, cqrs_id="child", pk=2, name="orphan", parent=6),
            save(0, cqrs_id="parent", pk=5, name="p"),
        ]
    )

    assert list(Child.objects.values_list("pk", "parent_id")) == [(1, 5)]
    assert parked().waits_for == "parent/6"


def test_a_row_finds_its_parent_of_the_same_model_in_the_same_batch() -> None:
    root, leaf = str(uuid.uuid4()), str(uuid.uuid4())

    apply_batch(
        [
            save(0, cqrs_id="node", pk=leaf, parent=root.upper()),
            save(0, cqrs_id="node", pk=root, parent=root),  # it is its own parent
        ]
    )
    if not connection.features.can_defer_constraint_checks:
        InboxApplier().do_chores()  # the parent's arrival has made it due

    assert Node.objects.filter(parent_id=root).count() == 2
    assert not ParkedMessage.objects.exists()


def test_a_deleted_parent_takes_its_children_along_and_their_deletes_come_late() -> None:
    family = [save(0, cqrs_id="parent", name="p"), save(0, cqrs_id="child", name="c", parent=1)]
    apply_batch(family)

    results = apply_batch([delete(1, cqrs_id="parent")])
    results += apply_batch([delete(1, cqrs_id="child")])

    assert [result.outcome for result in results] == [Outcome.APPLIED] * 2
    assert not Parent.objects.exists()
    assert not Child.objects.exists()
