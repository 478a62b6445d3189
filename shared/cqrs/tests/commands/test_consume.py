"""``cqrs_consume``: its arguments, and reloading while somebody develops."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dj_cqrs.management.commands import cqrs_consume
from local_stack.waiting import eventually
from tests.supervised.process import Consuming, is_alive


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with code that changes, and some that does not matter."""
    for name in ("project", "project/ignored", "pids"):
        (tmp_path / name).mkdir()
    return tmp_path / "project"


@pytest.fixture
def reloading(project: Path) -> Iterator[Consuming]:
    """A worker that is started anew when code changes."""
    pids = project.parent / "pids"
    started = Consuming(pids, "--reload", "--ignore-paths", "ignored, other", cwd=project)
    yield started
    for pid in [path.name for path in pids.iterdir() if is_alive(path.name)]:
        os.kill(int(pid), signal.SIGKILL)
    started.process.kill()
    started.process.communicate()


def test_a_change_of_code_starts_the_workers_anew(reloading: Consuming, project: Path) -> None:
    before = reloading.workers(1)

    def change() -> None:
        (project / "ignored" / "generated.py").write_text(os.urandom(8).hex())
        (project / "models.py").write_text(os.urandom(8).hex())
        assert not before & reloading.workers(1)

    eventually(change)

    said = reloading.said()
    assert "Detected changes in models.py. Reloading..." in said
    assert "ignored" not in said
    (pid,) = before
    assert f"Consumer process with pid {pid} started" in said
    assert f"Consumer process with pid {pid} stopped." in said


def test_a_hang_up_starts_the_workers_anew(reloading: Consuming) -> None:
    before = reloading.workers(1)

    reloading.process.send_signal(signal.SIGHUP)

    eventually(lambda: _assert_disjoint(before, reloading.workers(1)))
    assert reloading.process.poll() is None


def test_a_reloading_worker_that_dies_is_replaced(reloading: Consuming) -> None:
    before = reloading.workers(1)

    os.kill(min(before), signal.SIGKILL)

    eventually(lambda: _assert_disjoint(before, reloading.workers(1)))
    assert "died (exit code -9)" in reloading.said()


def test_the_names_of_the_contract_can_be_imported() -> None:
    names = {"WorkersManager", "consume", "start_process", "watch", "PythonFilter", "Path"}
    assert names <= set(cqrs_consume.__all__)
    cqrs_consume.WorkersManager({}, 2, False, None, 5, 1)


def test_reloading_without_watchfiles_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dj_cqrs.replica import reloading

    monkeypatch.setattr(reloading, "PythonFilter", reloading.missing)

    with pytest.raises(CommandError, match="Reloading needs watchfiles"):
        call_command("cqrs_consume", "--reload")


def test_python_code_may_leave_out_options(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    class Manager:
        def __init__(self, consume_kwargs: Any, **options: Any) -> None:
            started.append((consume_kwargs, options["workers"], options["sigint_timeout"]))

        def run(self) -> None:
            pass

    monkeypatch.setattr(cqrs_consume, "WorkersManager", Manager)

    cqrs_consume.Command().handle()

    assert started == [({}, 1, 5)]


def test_a_wrong_cqrs_id_is_refused() -> None:
    with pytest.raises(CommandError, match="Wrong CQRS ID: nonsense!"):
        call_command("cqrs_consume", "-cid", "item", "nonsense")


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_at_least_one_worker_is_needed(workers: str) -> None:
    with pytest.raises(CommandError, match="is not a whole number of at least 1"):
        call_command("cqrs_consume", "--workers", workers)


def _assert_disjoint(before: set[int], now: set[int]) -> None:
    assert not before & now
