"""Spares callers a broker that has just cost another one time.

Pure: knows a clock, and no broker.
"""

import time
from collections.abc import Callable
from typing import Final

#: A pause is so many times as long as the failure before it took. A broker that hangs can then
#: take at most a quarter of anybody's time; one that refuses at once is asked every time.
_PAUSE_FACTOR: Final = 3
#: A failure that was faster holds nobody up, and calls for no pause.
_BEARABLE_SECONDS: Final = 0.5


class Breaker:
    """Says whether it is worth while to try; shared by all threads of a process.

    No lock, which a fork could inherit locked: two callers that try at once do no harm.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins in good faith.

        Args:
            clock: seconds since any moment.
        """
        self._clock = clock
        self._paused_until: float | None = None

    def may_try(self, *, longest_seconds: float) -> bool:
        """Whether to try now. After a pause one caller tries, and the others wait for its word.

        Args:
            longest_seconds: how long the try may take.
        """
        now = self._clock()
        paused_until = self._paused_until
        if paused_until is None:
            return True
        if now < paused_until:
            return False
        self._paused_until = now + longest_seconds
        return True

    def has_failed(self, *, after_seconds: float) -> None:
        """A try failed; it took so long."""
        is_bearable = after_seconds < _BEARABLE_SECONDS
        pause_seconds = 0.0 if is_bearable else _PAUSE_FACTOR * after_seconds
        self._paused_until = self._clock() + pause_seconds

    def has_worked(self) -> None:
        """A try worked, so that everybody may."""
        self._paused_until = None
