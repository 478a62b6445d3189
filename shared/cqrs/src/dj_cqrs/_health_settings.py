"""``CQRS['health']``: from when on something is a failure. Read by ``conf``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dj_cqrs.exceptions import ConfigurationError


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """``CQRS['health']``; None turns the check off."""

    #: How old the oldest message that could be published, or applied, may be.
    backlog_seconds: float | None = 300
    #: How long a process may give no sign of life, or have messages and get none of them done.
    #: More than the longest batch takes.
    stuck_seconds: float = 60
    #: How many relays must be alive, for each database with an outbox.
    relays: int = 1
    #: How many workers must be alive.
    workers: int = 1
    #: How many dead letters there may be.
    dead_letters: int | None = None
    #: Where the workers of a service without an inbox leave their signs of life.
    directory: str | None = None

    @property
    def beat_seconds(self) -> float:
        """Time between two signs of life: several must be missing before a process is silent."""
        return min(5.0, self.stuck_seconds / 4)


def read(section: Mapping[str, Any]) -> HealthConfig:
    """Reads the section.

    Raises:
        ConfigurationError: a key or a value makes no sense.
    """
    known = [field.name for field in fields(HealthConfig)]
    for name, value in section.items():
        if name not in known:
            raise ConfigurationError(
                f"CQRS health has an unknown key {name!r}; known: {', '.join(known)}."
            )
        if not _is_valid(name, value):
            raise ConfigurationError(f"CQRS health {name} must be {_WANTED[name]}, not {value!r}.")
    return HealthConfig(**section)


_WANTED: Mapping[str, str] = {
    "backlog_seconds": "a positive number of seconds, or None for no limit",
    "stuck_seconds": "a positive number of seconds",
    "relays": "a whole number that is not negative",
    "workers": "a whole number that is not negative",
    "dead_letters": "a whole number that is not negative, or None for no limit",
    "directory": "the path of a directory, or None",
}


def _is_valid(name: str, value: Any) -> bool:
    if value is None:
        return "None" in _WANTED[name]
    if name == "directory":
        return isinstance(value, str) and bool(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if name.endswith("_seconds"):
        return 0 < value < math.inf
    return isinstance(value, int) and value >= 0
