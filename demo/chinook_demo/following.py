"""How long the replica needs to show what the master has already confirmed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from chinook_demo.errors import NotFollowedError

T = TypeVar("T")

#: Between two looks, in seconds: the resolution of what is measured.
_PAUSE_SECONDS = 0.005


class NotYetError(Exception):
    """Raised by a look at the replica that finds an older state; says which."""


@dataclass(frozen=True, slots=True)
class Followed(Generic[T]):
    """What the replica answered at last, and after how many seconds."""

    answer: T
    seconds: float


def follow(look: Callable[[], T], *, within_seconds: float) -> Followed[T]:
    """Looks at the replica until it has followed; to be called right after the master's answer.

    Args:
        look: Asks the replica; raises NotYetError while its answer is an older state.
        within_seconds: How long to be patient with a replica that does not move; what it is
            behind by may take longer, as long as it changes.

    Raises:
        NotFollowedError: It does not move any more.
    """
    started = moved = time.monotonic()
    last = ""
    while True:
        try:
            answer = look()
        except NotYetError as behind:
            if str(behind) != last:
                last, moved = str(behind), time.monotonic()
            elif time.monotonic() - moved >= within_seconds:
                raise NotFollowedError(
                    f"the replica has not moved for {within_seconds:g} s: {behind}. "
                    "Do the relay and the consumer run? make logs shows them"
                ) from behind
        else:
            return Followed(answer, time.monotonic() - started)
        time.sleep(_PAUSE_SECONDS)
