"""Fail points: named steps at which a test ends or stops a process.

Only the environment switches them on, once and for all when this module is imported: no setting
and no message can. Without ``CQRS_FAIL_POINTS`` a step costs a comparison with None.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from dj_cqrs.exceptions import ConfigurationError

#: Names a directory, which may be that of one process or of many. A file in it with the name of a
#: point, whose text is an action, meets the first process that comes there, and no other.
VARIABLE: Final = "CQRS_FAIL_POINTS"

#: Each point lies between the two steps that its line names.
POINTS: Final[Mapping[str, str]] = {
    "master.row_written": "the rows of a transaction are written, its messages are not",
    "master.recorded": "the messages are in the outbox, nothing is committed",
    "master.committed": "COMMIT is done, its caller does not know; direct mode has not produced",
    "relay.claimed": "messages are claimed, none is published",
    "relay.published": "the broker has messages and says so, its confirm is not counted yet",
    "relay.confirmed": "the broker's word on each message is known, the outbox is as before",
    "relay.deleting": "what was confirmed is sorted out, and about to be deleted",
    "relay.deleted": "the outbox is emptied, but (except on SQLite) that is not committed",
    "consumer.received": "a batch was received, nothing is done with it",
    "consumer.applied": "rows of one model are written, their ledger entries are not",
    "consumer.parked": "failed messages are parked, but that is not committed",
    "consumer.committed": "what was received is committed or handled, the broker is not told",
    "consumer.copied": "the copy of a failed message is confirmed, the original is not settled",
    "consumer.acking": "the worker goes on after an ack that is on no wire yet",
    "sync.chunk": "one chunk of a sync is committed, the next one is not begun",
}

#: What a process does to itself; after STOP somebody has to send SIGCONT.
ACTIONS: Final[Mapping[str, signal.Signals]] = {
    "KILL": signal.SIGKILL,
    "TERM": signal.SIGTERM,
    "STOP": signal.SIGSTOP,
}


def reach(point: str) -> None:
    """Called at a step: does nothing, unless a test has put a file there.

    Raises:
        ConfigurationError: there is no such point, or its file names no action.
    """
    if _directory is not None:
        _act(point, _directory)


def _directory_of(environment: Mapping[str, str]) -> Path | None:
    name = environment.get(VARIABLE)
    if not name:
        return None
    directory = Path(name).resolve()
    if not directory.is_dir():
        raise ConfigurationError(
            f"{VARIABLE} must name a directory, and {name!r} is none. It is for tests that end "
            "processes between two steps; unset it anywhere else."
        )
    return directory


_directory: Final = _directory_of(os.environ)


def is_enabled() -> bool:
    """Whether this process can be ended from outside, by a file."""
    return _directory is not None


def _act(point: str, directory: Path) -> None:
    if point not in POINTS:
        raise ConfigurationError(f"There is no fail point {point!r}; known: {', '.join(POINTS)}.")
    action = _taken(point, directory)
    if action is None:
        return
    if action not in ACTIONS:
        raise ConfigurationError(
            f"The file of the fail point {point} says {action!r}; write {' or '.join(ACTIONS)}."
        )
    # To this very thread, so that it does not take one more step.
    signal.raise_signal(ACTIONS[action])


def _taken(point: str, directory: Path) -> str | None:
    """Takes the file of a point. Only one process can rename it, so that only one is met."""
    reached = directory / f"{point}.{os.getpid()}.reached"
    with suppress(FileNotFoundError):
        (directory / point).rename(reached)
        return reached.read_text().strip()
    return None
