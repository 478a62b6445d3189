"""How long the replica needs to show what the master has already confirmed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from chinook_demo.errors import NotFollowedError

T = TypeVar("T")

#: Patience with a replica, in seconds; one change takes it some milliseconds.
WITHIN_SECONDS = 60.0
#: Between two looks, in seconds: the resolution of what is measured.
_PAUSE_SECONDS = 0.005


class NotYetError(Exception):
    """Raised by a look at the replica that finds an older state; says which."""


@dataclass(frozen=True, slots=True)
class Followed(Generic[T]):
    """What the replica answered at last, and after how many seconds."""

    answer: T
    seconds: float


def follow(look: Callable[[], T], *, within_seconds: float = WITHIN_SECONDS) -> Followed[T]:
    """Looks at the replica until it has followed; to be called right after the master's answer.

    Args:
        look: Asks the replica; raises NotYetError while its answer is an older state.
        within_seconds: How long to be patient.

    Raises:
        NotFollowedError: It has not followed by then.
    """
    started = time.monotonic()
    while True:
        try:
            answer = look()
        except NotYetError as behind:
            seconds = time.monotonic() - started
            if seconds >= within_seconds:
                raise NotFollowedError(
                    f"the replica has not followed within {within_seconds:g} s: {behind}. "
                    "Do the relay and the consumer run? make logs shows them"
                ) from behind
        else:
            return Followed(answer, time.monotonic() - started)
        time.sleep(_PAUSE_SECONDS)
