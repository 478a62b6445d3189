"""How far a command is: a bar on a terminal, plain lines for logs and pipes."""

import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import Any, Self


class Progress:
    """Counts what a command has done; a context manager.

    Args:
        total: how many there are to do.
        plain: stream for the lines where standard error is no terminal (``self.stdout`` or
            ``self.stderr`` of the command).
        is_shown: False shows nothing, so that callers need no ``if``.
    """

    def __init__(self, total: int, plain: Any, *, is_shown: bool = True) -> None:
        self.done = 0
        self._total = total
        self._display = _display(total, plain) if is_shown else None

    def __enter__(self) -> Self:
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def advance(self, count: int) -> None:
        """Says that so many more are done."""
        self.done += count
        if self._display is not None:
            self._display.show(self.done)


def _display(total: int, plain: Any) -> "_Lines | _Bar":
    if sys.stderr.isatty():
        try:
            return _Bar(total)
        except ImportError:
            pass  # rich is an optional dependency
    return _Lines(total, plain)


class _Lines:
    """One line that is written over and over; in a file, one after the other."""

    def __init__(self, total: int, stream: Any) -> None:
        self._total = total
        self._stream = stream
        self._started_at = 0.0
        self._is_shown = False

    def start(self) -> None:
        self._started_at = time.monotonic()

    def show(self, done: int) -> None:
        seconds = max(time.monotonic() - self._started_at, 1e-6)
        rate = done / seconds
        rest = timedelta(seconds=int(max(self._total - done, 0) / rate)) if rate else "unknown"
        percent = 100 * done // self._total if self._total else 100
        self._write(
            f"\r{done} of {self._total} processed - {percent}% "
            f"with rate {rate:.1f} rps, to go {rest} ...{' ' * 20}"
        )
        self._is_shown = True

    def stop(self) -> None:
        if self._is_shown:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._stream.write(text, ending="")
        self._stream.flush()


class _Bar:
    """The bar of ``rich``, on standard error, so that a command's output stays clean."""

    def __init__(self, total: int) -> None:
        from rich import progress
        from rich.console import Console

        self._progress = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TaskProgressColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        self._task = self._progress.add_task("", total=total)

    def start(self) -> None:
        self._progress.start()

    def show(self, done: int) -> None:
        self._progress.update(self._task, completed=done)

    def stop(self) -> None:
        self._progress.stop()
