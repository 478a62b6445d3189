"""Two workers at the same row, one stopped at each of its statements while the other runs.

With real locks of PostgreSQL: a row and its tombstone share one lock, so every interleaving ends
in the same state.
"""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from local_stack.waiting import eventually
from tests.app.replica_models import HookedItem, Item
from tests.replica.support import delete, save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

MODELS = {"item": Item, "hooked_item": HookedItem}


class Breakpoint:
    """Stops its thread before the n-th statement until it is told to go on."""

    def __init__(self, at_statement: int) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._left = at_statement

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        if self._left == 0:
            self.reached.set()
            assert self.go_on.wait(20)
        self._left -= 1
        return execute(*args)


def apply_in_thread(messages: list[RawMessage], wrapper: Any = None) -> None:
    try:
        if wrapper is None:
            apply_batch(messages)
        else:
            with connection.execute_wrapper(wrapper):
                apply_batch(messages)
    finally:
        connections.close_all()


def run_interleaved(first: list[RawMessage], second: list[RawMessage], step: int) -> bool:
    """Runs ``second`` while ``first`` is stopped at a statement; False if it has fewer."""
    stop = Breakpoint(step)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(apply_in_thread, first, stop)
        eventually(lambda: _assert(stop.reached.is_set() or one.done()))
        two = pool.submit(apply_in_thread, second)
        eventually(lambda: _assert(two.done() or _is_blocked()))
        stop.go_on.set()
        _results(one, two)
    return stop.reached.is_set()


def _results(*futures: Future[None]) -> None:
    for future in futures:
        future.result(20)


def _assert(condition: bool) -> None:
    assert condition


def _is_blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


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
