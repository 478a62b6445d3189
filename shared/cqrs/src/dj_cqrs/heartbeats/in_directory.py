"""Signs of life in files, for the workers of a service without a database."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from dj_cqrs.heartbeats.signs import Seen, Sign

_SUFFIX: Final = ".heartbeat.json"


class DirectoryStore:
    """A ``Store``: a file for each process, replaced as a whole.

    Args:
        directory: created where it is missing; for nobody but this service's user.
    """

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._started_at = time.time()

    def write(self, sign: Sign, *, is_first: bool) -> None:
        """Writes the file of this process."""
        if is_first:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = time.time()
        content = {"started_at": self._started_at, "beat_at": now, **asdict(sign)}
        path = self._path(sign.name)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(path)

    def read(self) -> list[Seen]:
        """All files that can be read, by name."""
        now = time.time()
        found = []
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            try:
                found.append(_seen(now=now, **json.loads(path.read_text())))
            except (OSError, TypeError, ValueError):
                continue  # removed a moment ago, or nobody's
        return found

    def remove(self, names: list[str]) -> None:
        """Removes files."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._directory / f"{quote(name, safe=' ')}{_SUFFIX}"


def _seen(*, now: float, started_at: float, beat_at: float, **values: Any) -> Seen:
    return Seen(
        Sign(**values),
        age_seconds=max(now - started_at, 0.0),
        silent_seconds=max(now - beat_at, 0.0),
    )
