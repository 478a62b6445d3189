"""Two pieces of work, one stopped at a statement while the other runs, with PostgreSQL's locks."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

from django.db import connection, connections

from local_stack.waiting import eventually
from tests.locks import somebody_waits_for_a_lock


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


def interleaved(first: Callable[[], Any], second: Callable[[], Any], step: int) -> bool:
    """Runs ``second`` while ``first`` is stopped at a statement; False if it has fewer."""
    stop = Breakpoint(step)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(_in_thread, first, stop)
        eventually(lambda: _assert(stop.reached.is_set() or one.done()))
        two = pool.submit(_in_thread, second)
        eventually(lambda: _assert(two.done() or somebody_waits_for_a_lock()))
        stop.go_on.set()
        for future in (one, two):
            future.result(20)
    return stop.reached.is_set()


def _in_thread(work: Callable[[], Any], wrapper: Breakpoint | None = None) -> None:
    try:
        with connection.execute_wrapper(wrapper) if wrapper else nullcontext():
            work()
    finally:
        connections.close_all()


def _assert(condition: bool) -> None:
    assert condition
