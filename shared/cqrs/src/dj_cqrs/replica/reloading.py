"""Watching the source code while developing: ``cqrs_consume --reload``."""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dj_cqrs.exceptions import ConfigurationError

logger = logging.getLogger("django-cqrs")


def missing(*_: Any, **__: Any) -> Any:
    """Stands for what an optional dependency would have brought."""
    raise ConfigurationError(
        "Reloading needs watchfiles: install it, or this library with its extra 'reload'."
    )


try:
    from watchfiles import PythonFilter, watch
except ImportError:
    PythonFilter = watch = missing  # type: ignore[assignment,misc]

__all__ = ["PythonFilter", "Reloader", "missing", "watch"]


class Reloader:
    """Calls back when Python files under the working directory change.

    Args:
        on_change: called in a thread of its own.
        ignore_paths: directories whose changes do not matter.

    Raises:
        ConfigurationError: watchfiles is not installed.
    """

    def __init__(self, on_change: Callable[[], None], ignore_paths: Iterable[str] = ()) -> None:
        self._on_change = on_change
        ignored = [str(Path(path).resolve()) for path in ignore_paths]
        self._filter = PythonFilter(ignore_paths=ignored)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and waits for the thread."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        root = Path.cwd()
        changes = watch(
            root, watch_filter=self._filter, stop_event=self._stop, raise_interrupt=False
        )
        for batch in changes:
            names = sorted({_shown(Path(name), root) for _, name in batch})
            logger.warning("Detected changes in %s. Reloading...", ", ".join(names))
            self._on_change()


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
