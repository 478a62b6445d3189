"""Two workers at the same row, one stopped at each of its statements while the other runs.

With the database's real locks: a row and its tombstone share one lock, so every interleaving ends
in the same state.
"""

import itertools
from typing import Any

import pytest

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import batch, overtaken, parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage, Row
from tests.app.replica_models import Child, HookedItem, Item, Parent
from tests.replica.interleaving import interleaved
from tests.replica.support import delete, save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row_locks]

MODELS = {"item": Item, "hooked_item": HookedItem}


def run_interleaved(first: list[RawMessage], second: list[RawMessage], step: int) -> bool:
    """Applies ``second`` while ``first`` is stopped at a statement; False if it has fewer."""
    return interleaved(lambda: apply_batch(first), lambda: apply_batch(second), step)


def clear() -> None:
    for model in (Item, HookedItem, LedgerEntry, ParkedMessage):
        model._base_manager.all().delete()


# what is there before; the two workers' messages; the name of the row at the end
RACES: dict[str, tuple[list[Any], list[Any], list[Any], str | None]] = {
    "save and delete of a row never seen": ([], [(save, 1)], [(delete, 2)], None),
    "save and delete of a row that is here": ([(save, 0)], [(save, 1)], [(delete, 2)], None),
    "delete and re-creation": ([(save, 0)], [(delete, 1)], [(save, 2)], "at 2"),
    "delete and re-creation, never seen": ([], [(delete, 1)], [(save, 2)], "at 2"),
    "two saves of a row never seen": ([], [(save, 0)], [(save, 1)], "at 1"),
    "two saves of a row that is here": ([(save, 0)], [(save, 1)], [(save, 2)], "at 2"),
    "the same creation twice": ([], [(save, 0)], [(save, 0)], "at 0"),
    "the whole life in two halves": (
        [],
        [(save, 0), (delete, 2)],
        [(save, 1), (save, 3)],
        "at 3",
    ),
}


def _messages(steps: list[Any], cqrs_id: str) -> list[RawMessage]:
    return [
        make(revision, cqrs_id=cqrs_id)
        if make is delete
        else make(revision, cqrs_id=cqrs_id, name=f"at {revision}")
        for make, revision in steps
    ]


@pytest.mark.parametrize("cqrs_id", MODELS)
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("race", RACES)
def test_every_interleaving_of_two_workers_ends_in_the_masters_state(
    race: str, swapped: bool, cqrs_id: str
) -> None:
    before, *both, expected = RACES[race]
    first, second = (_messages(steps, cqrs_id) for steps in (reversed(both) if swapped else both))
    for step in itertools.count():
        clear()
        apply_batch(_messages(before, cqrs_id))

        is_reached = run_interleaved(first, second, step)

        names = list(MODELS[cqrs_id].objects.values_list("name", flat=True))
        assert names == ([expected] if expected else []), f"stopped at statement {step}"
        assert not ParkedMessage.objects.exists()
        if not is_reached:
            assert step > 3  # it really was stopped at several places
            break


def test_two_workers_with_the_same_keys_in_opposite_order_do_not_hinder_each_other() -> None:
    """Deadlocks are avoided by the order of locking, and mended by another try."""
    for step in range(6):
        clear()
        forward = [save(1, pk=pk, name="one", cqrs_id=each) for each in MODELS for pk in range(20)]
        back = [save(2, pk=pk, name="two", cqrs_id=each) for each in MODELS for pk in range(20)]

        run_interleaved(forward, back[::-1], step)

        for model in MODELS.values():
            assert set(model.objects.values_list("name", "cqrs_revision")) == {("two", 2)}
        assert not ParkedMessage.objects.exists()


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("cqrs_id", MODELS)
def test_no_interleaving_leaves_a_letter_that_was_overtaken(
    cqrs_id: str, swapped: bool, settings: Any
) -> None:
    """What one worker parks while the other one deletes is found by one of them, or the sweep."""
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_MAX_RETRIES": 0}}
    failing = [save(1, cqrs_id=cqrs_id, name="x", price="cheap")]
    halves = [failing, [delete(2, cqrs_id=cqrs_id)]]
    first, second = reversed(halves) if swapped else halves
    left_to_the_sweep = 0
    for step in itertools.count():
        clear()
        has_stopped = run_interleaved(first, second, step)
        left_to_the_sweep += ParkedMessage.objects.count()
        for _ in overtaken.sweep("default"):
            pass
        assert not ParkedMessage.objects.exists(), f"at statement {step}"
        if not has_stopped:
            break
    # A look after the locks finds nearly all: a look before them would miss many.
    assert left_to_the_sweep <= 2


def test_workers_that_wake_and_drop_each_others_messages_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has applied the parent that a message of the other one's row waits for."""
    monkeypatch.setattr(batch, "_TRIES", 1)  # a deadlock would be mended by trying again
    for step in itertools.count():
        clear()
        Child._base_manager.all().delete()
        Parent._base_manager.all().delete()
        for pk, parent in ((1, 2), (2, 1)):
            row = Row("parent", str(pk))
            parking.park_due(save(0, cqrs_id="parent", pk=pk, name="old"), row, "default")
            ParkedMessage.objects.filter(row_pk=str(pk)).update(
                status="waiting", due_at=None, waits_for=f"parent/{parent}"
            )
        one, two = ([save(1, cqrs_id="parent", pk=pk, name="new")] for pk in (1, 2))
        if not run_interleaved(one, two, step):
            break
        assert not ParkedMessage.objects.exists(), f"at statement {step}"
        assert Parent.objects.count() == 2
