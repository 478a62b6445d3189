"""Each thread has its own, which ends with it; a fork has none."""

import os
import threading

import pytest

from dj_cqrs.transport.of_thread import PerThread


class Item:
    """Counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_thread_keeps_its_item_until_it_is_dropped() -> None:
    per_thread = PerThread(Item)

    item = per_thread.get()
    assert per_thread.get() is item
    per_thread.drop()
    per_thread.drop()

    assert item.closed == 1
    assert per_thread.get() is not item


def test_item_is_closed_when_its_thread_ends() -> None:
    per_thread = PerThread(Item)
    mine = per_thread.get()
    items: list[Item] = []

    thread = threading.Thread(target=lambda: items.append(per_thread.get()))
    thread.start()
    thread.join()

    assert items[0] is not mine
    assert (items[0].closed, mine.closed) == (1, 0)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_fork_begins_with_none_and_leaves_the_parents_alone() -> None:
    per_thread = PerThread(Item)
    mine = per_thread.get()

    child = os.fork()
    if child == 0:
        try:
            own = per_thread.get()
            per_thread.drop()
            os._exit(0 if own is not mine and (own.closed, mine.closed) == (1, 0) else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert per_thread.get() is mine
