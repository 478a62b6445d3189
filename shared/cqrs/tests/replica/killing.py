"""Workers that die of a message, as a process does that is killed in the middle of a hook."""

import time
from collections.abc import Callable
from typing import Any

from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport.base import Consumer
from dj_cqrs.transport.memory import MemoryTransport


class Killed(KeyboardInterrupt):
    """No code catches it: nothing is settled, nothing committed, and the worker is gone.

    Whatever else a hook raises is its message's problem.
    """


def kill(*_args: Any, **_kwargs: Any) -> Any:
    """A hook that ends its process."""
    raise Killed


def work_until_done(
    applier: Callable[[], Any],
    is_done: Callable[[], bool],
    limit: int,
    open_consumer: Callable[[], Consumer] = MemoryTransport.consumer,
    *,
    within_seconds: float = 60,
) -> int:
    """Starts one worker after the other, as a supervisor does; returns how many were killed.

    Args:
        applier: makes the applier of a worker.
        is_done: asked by each worker when it has nothing to do.
        limit: how many deaths are too many.
        open_consumer: connects a worker to its broker.
        within_seconds: after that time all workers together have failed.
    """
    deadline = time.monotonic() + within_seconds
    for deaths in range(limit):
        stopping = _Stopping(applier(), is_done, deadline)
        worker = stopping.worker = Worker(open_consumer, stopping, batch_size=10)
        try:
            worker.run()
        except Killed:
            continue
        assert stopping.was_done, f"not done after {within_seconds} seconds"
        return deaths
    raise AssertionError(f"still killing its workers after {limit} of them")


class _Stopping:
    """An applier that stops its worker when everything is done, or it is too late for that."""

    worker: Worker

    def __init__(self, applier: Any, is_done: Callable[[], bool], deadline: float) -> None:
        self._applier = applier
        self._is_done = is_done
        self._deadline = deadline
        self.was_done = False

    def check_ready(self) -> None:
        self._applier.check_ready()

    def apply(self, deliveries: Any) -> Any:
        yield from self._applier.apply(deliveries)

    def do_chores(self) -> bool:
        if time.monotonic() >= self._deadline:
            self.worker.stop()
        more_is_due: bool = self._applier.do_chores()
        if self._is_done():
            self.was_done = True
            self.worker.stop()
        return more_is_due
