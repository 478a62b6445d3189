"""One connection for each thread, and none that a fork has inherited.

Connections are not thread-safe, and one that two processes write to is lost for both.
"""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar


class Closable(Protocol):
    """What is to be closed with its thread."""

    def close(self) -> None:
        """Closes it; never raises."""


ItemT = TypeVar("ItemT", bound=Closable)


class _Held(Generic[ItemT]):
    """Ties an item to a thread: Python drops what a thread holds when the thread ends."""

    def __init__(self, item: ItemT) -> None:
        self.item = item
        closing = weakref.finalize(self, _close_if_ours, item, os.getpid())
        # At the end of the process other threads may be using theirs.
        closing.atexit = threading.current_thread() is threading.main_thread()


def _close_if_ours(item: Closable, pid: int) -> None:
    """In the child of a fork, all threads but one are gone, and what they held is dropped."""
    if pid == os.getpid():
        item.close()
    else:
        _inherited.append(item)


class PerThread(Generic[ItemT]):
    """Makes an item for each thread that asks, and closes it when the thread ends.

    A process that was forked begins without any: what it inherited is the parent's, which is
    neither used nor closed here.
    """

    def __init__(self, make: Callable[[], ItemT]) -> None:
        """Prepares for items.

        Args:
            make: makes an item, in the thread that it is for.
        """
        self._make = make
        self._local = threading.local()
        _all.add(self)

    def get(self) -> ItemT:
        """The item of the calling thread."""
        held: _Held[ItemT] | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(self._make())
        return held.item

    def drop(self) -> None:
        """Closes the item of the calling thread, if there is one."""
        self._local.__dict__.pop("held", None)

    def forget(self) -> None:
        """Leaves all items alone for good, without closing them."""
        _inherited.append(self._local)
        self._local = threading.local()


_all: Final[weakref.WeakSet[PerThread[Any]]] = weakref.WeakSet()
#: Kept from the garbage collector, which would close what hangs on them.
_inherited: Final[list[object]] = []


def _forget_in_child() -> None:
    for one in list(_all):
        one.forget()


os.register_at_fork(after_in_child=_forget_in_child)
