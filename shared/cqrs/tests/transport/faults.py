"""Servers that go away, and what goes on meanwhile."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def away(leave: Callable[[], None], come_back: Callable[[], None]) -> Iterator[None]:
    """A server is away inside the block; it comes back whatever happens there."""
    leave()
    try:
        yield
    finally:
        come_back()


@contextlib.contextmanager
def background(work: Callable[[], object]) -> Iterator[None]:
    """Something is done in a thread inside the block; its error is raised at the end."""
    errors: list[BaseException] = []

    def target() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (raised at the end)
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=60)
    assert not thread.is_alive(), "the work in the background did not end"
    if errors:
        raise errors[0]
