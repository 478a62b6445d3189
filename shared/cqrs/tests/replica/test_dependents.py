"""Rows that go when another row goes, and those that belong to its successor."""

from datetime import UTC, datetime

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.removal import Gone, remove
from dj_cqrs.replica.with_inbox import InboxApplier
from tests.app.replica_models import Child, Node, Parent
from tests.replica.support import delete, outcomes, raw, save

pytestmark = pytest.mark.django_db(transaction=True)

NODES = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(4)]

parent = save(0, cqrs_id="parent", name="first", seconds=0)
gone = delete(1, cqrs_id="parent", seconds=10)
again = save(2, cqrs_id="parent", name="second", seconds=20)
old_child = save(0, cqrs_id="child", name="old", parent=1, seconds=5)
new_child = save(0, cqrs_id="child", name="new", parent=1, seconds=25)


def test_a_late_delete_does_not_take_the_rows_of_the_next_parent() -> None:
    assert outcomes(parent, new_child, gone, again) == [
        Outcome.APPLIED,
        Outcome.APPLIED,
        Outcome.FAILED,
        Outcome.APPLIED,
    ]
    InboxApplier().do_chores()

    assert Parent.objects.get().name == "second"
    assert Child.objects.get().name == "new"
    assert not ParkedMessage.objects.exists()


def test_neither_does_it_in_one_batch_with_the_next_parent() -> None:
    outcomes(parent, new_child)

    apply_batch([gone, again])
    InboxApplier().do_chores()

    assert Child.objects.get().name == "new"
    assert not ParkedMessage.objects.exists()


def test_it_waits_without_using_up_its_attempts() -> None:
    outcomes(parent, new_child, gone)

    parked = ParkedMessage.objects.get()
    assert (parked.status, parked.waits_for, parked.attempts) == ("waiting", "parent/1", 0)


def test_older_rows_go_with_their_parent() -> None:
    assert outcomes(parent, old_child, gone) == [Outcome.APPLIED] * 3

    assert not Child.objects.exists()


def test_a_newer_row_further_down_is_seen() -> None:
    """The one between them is as old as its own parent."""

    def node(number: int, seconds: int, parent: int | None = None) -> None:
        above = None if parent is None else NODES[parent]
        message = save(0, cqrs_id="node", pk=NODES[number], parent=above, seconds=seconds)
        assert outcomes(message) == [Outcome.APPLIED]

    node(0, 0)
    node(1, 1, parent=0)
    node(2, 30, parent=1)

    assert outcomes(raw("DELETE", 1, cqrs_id="node", pk=NODES[0], seconds=10)) == [Outcome.FAILED]
    assert Node.objects.count() == 3


def test_a_row_that_the_master_does_not_have_goes_with_all_below_it() -> None:
    outcomes(parent, new_child)

    removal = remove(Parent, [Gone(1)], listed_at=datetime(2100, 1, 1, tzinfo=UTC))

    assert (removal.removed, list(removal.failures)) == (1, [])
    assert not Child.objects.exists()
