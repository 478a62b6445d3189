"""The parent of the consuming processes: starts them, replaces the dead, ends all in time."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Final

import django

from dj_cqrs.replica.reloading import Reloader

logger = logging.getLogger("django-cqrs")

#: Short, since a signal does not end the sleep.
_POLL_SECONDS: Final = 0.1
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
#: A worker that lived that long had no trouble starting, so its successor starts at once.
_LONG_LIFE_SECONDS: Final = 30.0


def consume(**kwargs: Any) -> None:
    """What a consuming process does.

    It is told to end by SIGINT. Our own transports finish what they have in hand; one of a user's
    is interrupted by a ``KeyboardInterrupt``, so that it can clean up.
    """
    django.setup()
    from dj_cqrs.transport import current_transport

    with suppress(KeyboardInterrupt):
        current_transport.consume(**kwargs)


def start_process(target: Callable[..., None], kwargs: Mapping[str, Any]) -> SpawnProcess:
    """Starts a consuming process with an interpreter of its own: nothing is inherited."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=target, kwargs=dict(kwargs), daemon=True)
    process.start()
    return process


class _Slot:
    """One place for a worker process: who has it, and when it may be filled again."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self._kwargs = kwargs
        self._process: SpawnProcess | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def keep_filled(self) -> None:
        """Starts the process if there is none; one that dies young is replaced after a pause."""
        if self._process is not None and not self._process.is_alive():
            self._bury(self._process)
        if self._process is None and time.monotonic() >= self._start_at:
            self._start()

    def be_ready(self) -> None:
        """Forgets the pause after a process that died: its code is another one now."""
        self._start_at = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def send(self, number: signal.Signals) -> None:
        """Signals the process, if there is one."""
        if self._process is not None and self._process.is_alive() and self._process.pid:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def wait(self, seconds: float) -> bool:
        """Waits for the process's end; True if it has ended."""
        if self._process is None:
            return True
        self._process.join(seconds)
        if self._process.is_alive():
            return False
        logger.info("Consumer process with pid %s stopped.", self._process.pid)
        self._process.close()
        self._process = None
        return True

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._process = start_process(consume, self._kwargs)
        logger.info("Consumer process with pid %s started", self._process.pid)

    def _bury(self, process: SpawnProcess) -> None:
        lived_seconds = time.monotonic() - self._started_at
        if lived_seconds >= _LONG_LIFE_SECONDS:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        logger.error(
            "Consumer process with pid %s died (exit code %s) and is restarted in %.0f seconds.",
            *(process.pid, process.exitcode, self._pause_seconds),
        )
        self._start_at = time.monotonic() + self._pause_seconds
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        process.close()
        self._process = None


class WorkersManager:
    """Runs consuming processes until SIGTERM or SIGINT, and replaces those that die.

    Args:
        consume_kwargs: arguments of the transport's ``consume`` in every process.
        workers: number of processes.
        reload: SIGHUP and changes of Python files replace the processes by new ones; without it,
            SIGHUP (a terminal was closed) ends them like SIGTERM.
        ignore_paths: directories whose changes do not matter.
        sigint_timeout: seconds that a process gets to finish what it has in hand.
        sigkill_timeout: seconds to wait for the end of one that was killed.
    """

    def __init__(
        self,
        consume_kwargs: Mapping[str, Any],
        workers: int = 1,
        reload: bool = False,
        ignore_paths: Iterable[str] | None = None,
        sigint_timeout: float = 5,
        sigkill_timeout: float = 1,
    ) -> None:
        self._slots = [_Slot(consume_kwargs) for _ in range(workers)]
        self._sigint_timeout = sigint_timeout
        self._sigkill_timeout = sigkill_timeout
        self._is_stopped = False
        self._is_to_restart = False
        self._reload = reload
        self._reloader = Reloader(self._restart, ignore_paths or ()) if reload else None

    def run(self) -> None:
        """Keeps the processes running until a signal says stop."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._handle_signal)
        if self._reloader is not None:
            self._reloader.start()
        while not self._is_stopped:
            if self._is_to_restart:
                self._is_to_restart = False
                self._end_processes()
                for slot in self._slots:
                    slot.be_ready()
            for slot in self._slots:
                slot.keep_filled()
            time.sleep(_POLL_SECONDS)
        self._end_processes()
        if self._reloader is not None:
            self._reloader.stop()

    def _restart(self) -> None:
        self._is_to_restart = True

    def _handle_signal(self, number: int, _frame: FrameType | None) -> None:
        """Sets flags only: the frame that it interrupts may hold any lock."""
        if number == signal.SIGHUP and self._reload:
            self._is_to_restart = True
        else:
            self._is_stopped = True

    def _end_processes(self) -> None:
        for slot in self._slots:
            slot.send(signal.SIGINT)
        deadline = time.monotonic() + self._sigint_timeout
        late = [slot for slot in self._slots if not slot.wait(max(deadline - time.monotonic(), 0))]
        for slot in late:
            slot.send(signal.SIGKILL)
        for slot in late:
            slot.wait(self._sigkill_timeout)
