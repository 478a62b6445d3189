"""One process of a service: started, stopped, paused and killed as an operator (or fate) would."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from integration_tests import process_tree
from local_stack.process import as_user
from local_stack.waiting import eventually

_STOP_SECONDS = 60
_LOG_CHARACTERS = 3000


class ProcessEndedError(Exception):
    """Raised when a process has ended that should run; waiting longer is of no use."""


class ServiceProcess:
    """A process in a group of its own, with its output in a log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self.name = name
        self.log = log
        # The kernel ends it with the test run, even if that is killed.
        self._command = [*as_user(None, die_with_parent=signal.SIGKILL), *command]
        self._directory = directory
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._group = 0
        self._orphaned_groups: list[int] = []

    @property
    def is_running(self) -> bool:
        """Whether the process (not only children that it left behind) runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Id of the running process."""
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """Ids of the processes that it started and that run the same program."""
        return process_tree.workers(self.pid) if self.is_running else []

    def start(self, variables: Mapping[str, str] | None = None) -> None:
        """Start it, if it does not run; it is not ready yet.

        Args:
            variables: what its environment has besides, this time.
        """
        if self.is_running:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env={**self._environment, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._group = self._process.pid

    def check_alive(self) -> None:
        """Raise ProcessEndedError with the end of the log if it has ended by itself."""
        if not self.is_running:
            end = self.log_since(0)[-_LOG_CHARACTERS:]
            raise ProcessEndedError(f"{self.name} does not run:\n{end}")

    def check_workers(self, count: int = 1) -> None:
        """Fail while it has fewer workers than that."""
        workers = self.workers
        assert len(workers) >= count, f"{self.name} has {len(workers)} workers"

    def run_to_end(self) -> int:
        """Start it and wait until it ends by itself; returns the exit code."""
        self.start()
        return self.wait_for_end()

    def restart(self) -> None:
        """Stop it in good order and start it; it is not ready yet."""
        self.stop()
        self.start()

    def stop(self) -> int:
        """End it as a supervisor does, with SIGTERM; returns the exit code.

        Nothing of the group may be left after that.
        """
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        try:
            # Python's own helpers end when they see that nobody needs them.
            eventually(self._check_nobody_is_left, within_seconds=_STOP_SECONDS)
        finally:
            self.kill()
        return code

    def wait_for_end(self) -> int:
        """Wait until it ends by itself; returns the exit code, or a signal's number, negative."""
        assert self._process is not None, f"{self.name} does not run"
        return self._process.wait(_STOP_SECONDS)

    def _check_nobody_is_left(self) -> None:
        left = process_tree.group_members(self._group)
        assert not left, f"{self.name} left processes {left} behind"

    def kill(self) -> None:
        """Kill it and all its children with SIGKILL, and whom `kill_parent` left behind."""
        for group in self._orphaned_groups:
            for pid in process_tree.group_members(group):
                process_tree.send(pid, signal.SIGKILL)
        self._orphaned_groups.clear()
        if self._process is None:
            return
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def kill_parent(self) -> None:
        """Kill it with SIGKILL, and leave its children to themselves."""
        assert self._process is not None, f"{self.name} does not run"
        self._process.kill()
        self._process.wait()
        self._process = None
        self._orphaned_groups.append(self._group)

    def kill_workers(self) -> list[int]:
        """Kill its children with SIGKILL; it lives on. Returns their ids."""
        workers = self.workers
        for pid in workers:
            process_tree.send(pid, signal.SIGKILL)
        return workers

    def pause(self) -> None:
        """Stop it and its children in their tracks (SIGSTOP)."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on after `pause`."""
        self._signal_group(signal.SIGCONT)

    def log_size(self) -> int:
        """Bytes logged so far."""
        return self.log.stat().st_size if self.log.exists() else 0

    def log_since(self, position: int) -> str:
        """What was logged after so many bytes."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(position)
            return file.read().decode(errors="replace")

    def _signal_group(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} does not run"
        with contextlib.suppress(ProcessLookupError):  # the last one has just ended
            os.killpg(self._group, number)
