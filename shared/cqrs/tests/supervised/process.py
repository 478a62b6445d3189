"""A real ``cqrs_consume`` for tests, with workers that write down their pids."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from local_stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


class Consuming:
    """A ``cqrs_consume`` of its own, whose workers write down their pids when they consume."""

    def __init__(self, directory: Path, *arguments: str, cwd: Path = ROOT) -> None:
        self.directory = directory
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.supervised.settings",
            "PID_DIRECTORY": str(directory),
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "django", "cqrs_consume", *arguments],
            cwd=cwd,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def workers(self, count: int) -> set[int]:
        """Waits until so many workers consume, and returns their pids."""

        def check() -> set[int]:
            alive = {int(path.name) for path in self.directory.iterdir() if is_alive(path.name)}
            assert len(alive) == count
            return alive

        return eventually(check)

    def said(self) -> str:
        """What it logged, once it is ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=20)[1]

    def ends_with(self) -> int:
        """Waits for the end; returns the exit code."""
        return self.process.wait(20)


def is_alive(pid: str) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
