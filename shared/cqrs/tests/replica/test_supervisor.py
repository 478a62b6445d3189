"""``cqrs_consume``: real processes, replaced when they die, ended when they are told to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.waiting import eventually
from tests.supervised.process import ROOT, Consuming, is_alive


@pytest.fixture
def consuming(tmp_path: Path) -> Iterator[Consuming]:
    """Two workers."""
    started = Consuming(tmp_path, "-w", "2")
    yield started
    for pid in [path.name for path in tmp_path.iterdir() if is_alive(path.name)]:
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_in_good_order(consuming: Consuming, number: signal.Signals) -> None:
    consuming.workers(2)

    consuming.process.send_signal(number)

    assert consuming.ends_with() == 0
    consuming.workers(0)


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


def test_a_transport_with_a_loop_of_its_own_can_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSPORT", "OwnTransport")
    (tmp_path / "pids").mkdir()
    started = Consuming(tmp_path / "pids")
    started.workers(1)

    assert "Traceback" not in started.said()

    assert started.process.returncode == 0
    assert (tmp_path / "cleaned-up").exists()


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
