"""``cqrs_consume``: real processes, replaced when they die, ended when they are told to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from local_stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


class Consuming:
    """A ``cqrs_consume`` of its own, whose workers write down their pids when they consume."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.supervised.settings",
            "PID_DIRECTORY": str(directory),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "django", "cqrs_consume", *arguments],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def workers(self, count: int) -> set[int]:
        """Waits until so many workers consume, and returns their pids."""

        def check() -> set[int]:
            alive = {int(path.name) for path in self.directory.iterdir() if _is_alive(path.name)}
            assert len(alive) == count
            return alive

        return eventually(check)

    def ends_with(self) -> int:
        """Waits for the end; returns the exit code."""
        return self.process.wait(20)


def _is_alive(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def consuming(tmp_path: Path) -> Iterator[Consuming]:
    """Two workers."""
    started = Consuming(tmp_path, "-w", "2")
    yield started
    for pid in [path.name for path in tmp_path.iterdir() if _is_alive(path.name)]:
        os.kill(int(pid), signal.SIGKILL)
    started.process.kill()
    started.process.communicate()


def test_a_worker_that_dies_is_replaced(consuming: Consuming) -> None:
    before = consuming.workers(2)
    victim = min(before)

    os.kill(victim, signal.SIGKILL)

    def check() -> None:
        now = consuming.workers(2)
        assert victim not in now
        assert before - {victim} < now

    eventually(check)
    assert consuming.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order(consuming: Consuming, number: signal.Signals) -> None:
    consuming.workers(2)

    consuming.process.send_signal(number)

    assert consuming.ends_with() == 0
    consuming.workers(0)


def test_a_hang_up_replaces_the_workers(consuming: Consuming) -> None:
    before = consuming.workers(2)

    consuming.process.send_signal(signal.SIGHUP)

    eventually(lambda: _assert_disjoint(before, consuming.workers(2)))
    assert consuming.process.poll() is None


def test_workers_end_when_their_supervisor_is_killed(consuming: Consuming) -> None:
    consuming.workers(2)

    consuming.process.kill()

    consuming.workers(0)


def test_a_worker_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    (tmp_path / "stubborn").mkdir()
    os.environ["STUBBORN"] = "1"
    try:
        started = Consuming(tmp_path / "stubborn", "--sigint-timeout", "0.5")
    finally:
        del os.environ["STUBBORN"]
    started.workers(1)

    started.process.send_signal(signal.SIGTERM)

    assert started.ends_with() == 0
    started.workers(0)
    started.process.communicate()


#: Ends a supervisor by a signal at each line that its loop comes by.
SIGNAL_AT_EVERY_LINE = """
import signal, sys
from dj_cqrs.replica import supervisor

supervisor._POLL_SECONDS = 0.001

def signal_at(line):
    def trace(frame, event, argument):
        nonlocal line
        if event == "line" and signal.getsignal(signal.SIGHUP) == manager._handle_signal:
            line -= 1
            if line == 0:
                signal.raise_signal(signal.SIGTERM)
        return trace

    manager = supervisor.WorkersManager({}, workers=0)
    sys.settrace(trace)
    manager.run()
    sys.settrace(None)

for line in range(1, 60):
    signal_at(line)
"""


def test_a_signal_may_come_at_any_time() -> None:
    arguments = [sys.executable, "-c", SIGNAL_AT_EVERY_LINE]
    assert subprocess.run(arguments, cwd=ROOT, timeout=20, check=False).returncode == 0


def test_a_wrong_cqrs_id_is_refused() -> None:
    with pytest.raises(CommandError, match="Wrong CQRS ID: nonsense!"):
        call_command("cqrs_consume", "-cid", "item", "nonsense")


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_at_least_one_worker_is_needed(workers: str) -> None:
    with pytest.raises(CommandError):
        call_command("cqrs_consume", "--workers", workers)


def _assert_disjoint(before: set[int], now: set[int]) -> None:
    assert not before & now
