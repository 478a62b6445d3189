"""What a run came to: written as JSON, shown as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Struck:
    """One stroke of a fault."""

    fault: str
    at_seconds: float
    took_seconds: float
    #: Why it could not be made; empty if it was.
    not_made: str = ""


@dataclass
class Report:
    """One run of one system."""

    system: str
    seed: int
    duration_seconds: float
    struck: list[Struck] = field(default_factory=list)
    #: States that were committed on the master, of the watched table.
    committed: int = 0
    #: How often the replica was sampled.
    samples: int = 0
    #: Rows in all tables of the master in the end.
    rows: int = 0
    #: Writes that were refused or not answered.
    refused_writes: int = 0
    #: Whether any fault of the run may do that.
    may_refuse_writes: bool = False
    #: Rows that differ before and after a repair, where one was to be made.
    before_repair: int = 0
    repaired: bool = False
    missing: int = 0
    extra: int = 0
    stale: int = 0
    invented: int = 0
    went_back: int = 0
    resurrected: int = 0
    gaps: int = 0
    poison: int = 0
    kept_poison: int = 0
    leftovers: list[str] = field(default_factory=list)
    exit_codes: dict[str, int] = field(default_factory=dict)
    #: From the last fault until everything was equal; None if it never was.
    converged_seconds: float | None = None
    #: The first differences, in words.
    details: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """Rows that are wrong in the end."""
        return self.missing + self.extra + self.stale

    def broken(self) -> dict[str, str]:
        """By guarantee of docs/architecture.md: what broke it; empty if all hold."""
        refused = self.refused_writes if not self.may_refuse_writes else 0
        codes = {name: code for name, code in self.exit_codes.items() if code}
        lost_poison = self.poison - self.kept_poison
        late = self.converged_seconds is None
        found = {
            "G1": (self.missing and f"{self.missing} missing") or (late and "not equal in time"),
            "G2": self.invented and f"{self.invented} never committed",
            "G3": self.gaps and f"{self.gaps} gaps",
            "G4": refused and f"{refused} writes refused",
            "G5": _listed(
                {
                    "stale": self.stale,
                    "too much": self.extra,
                    "went back": self.went_back,
                    "resurrected": self.resurrected,
                }
            ),
            "G6": _listed({"poison lost": lost_poison, "left over": len(self.leftovers)}),
            "G7": codes and f"exit codes {codes}",
        }
        return {guarantee: str(what) for guarantee, what in found.items() if what}

    def as_json(self) -> dict[str, Any]:
        """Everything, and the verdict."""
        return {**asdict(self), "wrong": self.wrong, "broken": self.broken()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        """What `as_json` wrote."""
        values = {name: data[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "struck": [Struck(**one) for one in data["struck"]]})


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def show(reports: Iterable[Report], console: Console) -> None:
    """Print a line for each run."""
    table = Table(title="Fault campaign", show_lines=False)
    for heading in ("system", "run", "faults", "states", "rows"):
        table.add_column(heading)
    for heading in ("missing", "too much", "stale", "converged", "verdict"):
        table.add_column(heading, justify="right" if heading != "verdict" else "left")
    for report in reports:
        table.add_row(*_cells(report))
    console.print(table)


def _cells(report: Report) -> Sequence[str]:
    made = [one for one in report.struck if not one.not_made]
    names = {one.fault for one in made}
    converged = report.converged_seconds
    broken = report.broken()
    verdict = "; ".join(f"{name}: {what}" for name, what in broken.items())
    return (
        report.system,
        next(iter(names)) if len(names) == 1 else f"seed {report.seed}",
        str(len(made)),
        str(report.committed),
        str(report.rows),
        str(report.missing),
        str(report.extra),
        str(report.stale),
        "never" if converged is None else f"{converged:.1f} s",
        verdict or ("all guarantees hold" if made else "nothing was struck"),
    )
