"""Ends or stops processes of a service at a named step, through the library's fail points.

The services know of it only by the directory that their environment names. Which points there are
says the table in `dj_cqrs/fail_points.py`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from local_stack.waiting import eventually

_VARIABLE = "CQRS_FAIL_POINTS"
_REACHED_SECONDS = 60

Action = Literal["KILL", "TERM", "STOP"]


class FailPoints:
    """The directory of one service; its processes share it."""

    def __init__(self, directory: Path) -> None:
        """Create the directory; no point is armed yet."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs in its environment when it starts."""
        return {_VARIABLE: str(self._directory)}

    def arm(self, point: str, action: Action) -> None:
        """Let the next process that comes to the point do this to itself, and only that one.

        Arming a point again replaces what nobody has met so far.
        """
        for old in self._directory.glob(f"{point}.*.reached"):
            old.unlink()
        draft = self._directory / f"{point}.draft"
        draft.write_text(action)
        draft.rename(self._directory / point)  # at once, so that nobody reads half of it

    def disarm(self) -> None:
        """Take away whatever nobody has met."""
        for file in self._directory.iterdir():
            if file.suffix != ".reached":
                file.unlink(missing_ok=True)

    def met(self, point: str) -> list[int]:
        """Ids of the processes that have met the point since it was armed: one, or none."""
        files = self._directory.glob(f"{point}.*.reached")
        return [int(file.name.removeprefix(f"{point}.").split(".")[0]) for file in files]

    def wait_until_met(self, point: str) -> int:
        """Wait until a process has met the point; returns its id."""

        def somebody_has() -> int:
            met = self.met(point)
            assert met, f"nobody has come to {point} so far"
            return met[0]

        return eventually(somebody_has, within_seconds=_REACHED_SECONDS)
