"""The signs of life of this process: cheap, seldom, and never the reason why a batch fails."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from dj_cqrs.heartbeats.signs import Sign, Store, is_gone, this_process

logger = logging.getLogger("django-cqrs")

_MAX_DOING: Final = 500
_PRUNE_INTERVAL_SECONDS: Final = 30.0


class Pulse:
    """What the main loop of a relay or a worker says about itself.

    All calls but ``beat`` and ``close`` only set something in memory. ``beat`` writes, if it is
    due; it is called between batches, outside of any transaction.

    Args:
        role: "relay" or "worker".
        store: where to; None for nowhere.
        interval_seconds: between two signs.
        clock: seconds since any moment.
    """

    def __init__(
        self,
        role: str,
        store: Store | None,
        *,
        interval_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._me = this_process(role)
        self._store = store
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._doing = "starting"
        self._progress_at: float | None = None
        self._waiting_since: float | None = None
        self._failing_since: float | None = None
        self._next_beat_at = clock()
        self._next_prune_at = clock()
        self._is_known = False

    def beat(self) -> None:
        """Leaves a sign of life, if it is time for one. Never raises."""
        now = self._clock()
        if self._store is None or now < self._next_beat_at:
            return
        self._next_beat_at = now + self._interval_seconds
        try:
            self._store.write(self._sign(now), is_first=not self._is_known)
            self._is_known = True
            self._prune(self._store, now)
        except Exception as error:  # noqa: BLE001  whoever looks sees that it is missing
            logger.debug("The sign of life cannot be left: %s", error)

    def takes(self, count: int) -> None:
        """Messages are here, and are going to be handled."""
        self._doing = f"handling {count} message(s)"
        if self._waiting_since is None:
            self._waiting_since = self._clock()

    def progressed(self) -> None:
        """Some of them are done."""
        self._progress_at = self._clock()
        self._waiting_since = self._failing_since = None

    def rests(self) -> None:
        """There is nothing to do."""
        self._doing = "waiting for messages"
        self._waiting_since = self._failing_since = None

    def fails(self, reason: str) -> None:
        """Nothing works at the moment."""
        self._doing = f"waits: {reason}"[:_MAX_DOING]
        if self._failing_since is None:
            self._failing_since = self._clock()

    def close(self) -> None:
        """Takes leave: who ends in good order is not missed."""
        if self._store is None:
            return
        try:
            self._store.remove([self._me.name])
        except Exception as error:  # noqa: BLE001  it will be taken for dead, and it is
            logger.debug("The sign of life cannot be taken back: %s", error)

    def _sign(self, now: float) -> Sign:
        def since(moment: float | None) -> float | None:
            return None if moment is None else now - moment

        return replace(
            self._me,
            doing=self._doing,
            progress_seconds=since(self._progress_at),
            waiting_seconds=since(self._waiting_since),
            failing_seconds=since(self._failing_since),
        )

    def _prune(self, store: Store, now: float) -> None:
        if now < self._next_prune_at:
            return
        self._next_prune_at = now + _PRUNE_INTERVAL_SECONDS
        gone = [
            seen.sign.name
            for seen in store.read()
            if seen.sign.name != self._me.name and is_gone(seen, host=self._me.host)
        ]
        if gone:
            store.remove(gone)


#: Of a loop that nobody watches.
NO_PULSE: Final = Pulse("nobody", None)
