"""Who started whom, read from /proc: whom a test is about to kill, it does not ask."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_ZOMBIE = "Z"


def workers(parent: int) -> list[int]:
    """Children of a process, without the helpers of Python's multiprocessing."""
    return [
        pid
        for pid, (state, its_parent, _) in _processes()
        if its_parent == parent and state != _ZOMBIE and not _is_helper(pid)
    ]


def group_members(group: int) -> list[int]:
    """Living processes of a process group."""
    return [
        pid
        for pid, (state, _, its_group) in _processes()
        if its_group == group and state != _ZOMBIE
    ]


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that has just ended needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _processes() -> Iterator[tuple[int, tuple[str, int, int]]]:
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            text = (directory / "stat").read_text()
        except OSError:
            continue  # it has just ended
        # The name, in parentheses, may hold anything.
        state, parent, group = text.rpartition(")")[2].split()[:3]
        yield int(directory.name), (state, int(parent), int(group))


def _is_helper(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
    return b"resource_tracker" in command or b"forkserver" in command
