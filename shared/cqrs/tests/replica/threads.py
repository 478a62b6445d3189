"""Workers that run in threads of the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connections

from dj_cqrs.replica.worker import Worker


@contextmanager
def worker_threads() -> Iterator[Callable[[Worker], None]]:
    """Starts workers; that they live until the end of the block, and then stop, is asserted."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(worker: Worker) -> None:
        thread = threading.Thread(target=_run, args=(worker,), daemon=True)
        started.append((worker, thread))
        thread.start()

    yield start
    for worker, thread in started:
        assert thread.is_alive(), "the worker died"
        worker.stop()
        thread.join(20)
        assert not thread.is_alive(), "the worker did not stop"


def _run(worker: Worker) -> None:
    try:
        worker.run()
    finally:
        connections.close_all()
