"""What was looked at, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of the check: "database", "outbox", "relay", "workers", "parked", "broker". The
            alias follows in brackets where a service has several databases.
        is_ok: False takes the service's readiness away.
        detail: one sentence; for a failure it says what is wrong, and what to do.
        figures: numbers and names for scripts; ages in seconds.
    """

    name: str
    is_ok: bool
    detail: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The name without the alias."""
        return self.name.partition("[")[0]


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a service, in the order of a change's way."""

    checks: tuple[Check, ...]

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.is_ok)

    @property
    def is_ok(self) -> bool:
        """Whether none failed."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "status": "ok" if self.is_ok else "unavailable",
            "reasons": [f"{check.name}: {check.detail}" for check in self.failures],
            "checks": {
                check.name: {"ok": check.is_ok, "detail": check.detail, **check.figures}
                for check in self.checks
            },
        }


def words(seconds: float) -> str:
    """A duration for people."""
    if seconds < 120:  # noqa: PLR2004  two minutes are read best in seconds
        return f"{seconds:.0f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 120 else f"{hours:.1f} h"  # noqa: PLR2004
