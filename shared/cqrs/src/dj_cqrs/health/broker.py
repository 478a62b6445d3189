"""What the broker says; asked by ``cqrs_status`` alone, since web processes never connect."""

import time
from collections.abc import Sequence
from typing import Any, Final

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.health.report import Check, words
from dj_cqrs.heartbeats import stores
from dj_cqrs.heartbeats.signs import Seen
from dj_cqrs.transport.base import BrokerStatus
from dj_cqrs.transport.selection import transport_class

NAME: Final = "broker"
_PAUSE_SECONDS: Final = 0.5


def check_broker() -> Check:
    """Connects, and looks whether somebody gets done what waits in this service's queue."""
    try:
        status = transport_class().status()
    except (TransportError, ConfigurationError) as error:
        return Check(NAME, False, str(error))
    except NotImplementedError:
        return Check(NAME, True, "This transport cannot be asked.")
    problem = _problem(status)
    figures: dict[str, Any] = {"where": status.where}
    if status.queue is None:
        return Check(NAME, True, f"{status.where} answers.", figures)
    figures |= {"queue": status.queue, "ready": status.ready, "consumers": status.consumers}
    detail = f"{status.ready} message(s) wait in {status.queue}"
    if status.consumers is not None:
        detail += f", {status.consumers} consumer(s)"
    return Check(NAME, problem is None, problem or f"{detail}.", figures)


def _problem(status: BrokerStatus) -> str | None:
    if status.queue is None:
        return None
    if status.ready is None and status.consumers is None:
        return f"There is no queue {status.queue!r}; run cqrs_declare."
    if not status.ready:
        return None
    if status.consumers == 0:
        return f"{status.ready} message(s) wait in {status.queue}, and nobody consumes them."
    seconds = _stuck_seconds()
    if seconds is None:
        return None
    return (
        f"{status.ready} message(s) wait in {status.queue}, and none was done for "
        f"{words(seconds)}."
    )


def _stuck_seconds() -> float | None:
    """How long nobody has got anything done, if that is too long.

    After a quiet time the first messages find the last progress long ago. So there is a second
    look, when the workers have had the time for another sign of life.
    """
    store = stores.of_workers()
    if store is None:
        return None
    limits = conf.config().health
    deadline = time.monotonic() + 2 * limits.beat_seconds
    while True:
        seconds = _since_progress(store.read())
        if seconds is None or seconds <= limits.stuck_seconds or not _waits():
            return None
        if time.monotonic() >= deadline:
            return seconds
        time.sleep(_PAUSE_SECONDS)


def _since_progress(processes: Sequence[Seen]) -> float | None:
    """Since the last progress of any worker; of one that has made none, since its start."""
    return min(
        (
            seen.age_seconds if seen.progress_seconds is None else seen.progress_seconds
            for seen in processes
        ),
        default=None,
    )


def _waits() -> bool:
    try:
        return bool(transport_class().status().ready)
    except TransportError:
        return False  # it answered a moment ago; the next look will tell
