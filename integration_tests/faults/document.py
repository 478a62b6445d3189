"""Writes the measured part of docs/reliability.md from the JSON of campaigns."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from faults.catalogue import CATALOGUE
from faults.report import Report

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_BEGIN = "<!-- measured: make chaos-report -->"
_GUARANTEES = ("G1", "G2", "G3", "G4", "G5", "G6", "G7")
_OTHER = "django-cqrs"


def render(reports: Sequence[Report]) -> str:
    """The measured part, as Markdown.

    Args:
        reports: runs of single faults make the matrix, all others the table of seeds.
    """
    single = [report for report in reports if not report.duration_seconds]
    mixed = [report for report in reports if report.duration_seconds]
    parts = [_BEGIN]
    if mixed:
        parts += ["## All faults at random", *_seeds(mixed)]
    if single:
        parts += ["## Each fault alone", *_matrix(single)]
    return "\n\n".join(parts) + "\n"


def _seeds(reports: Sequence[Report]) -> Iterable[str]:
    systems = list(dict.fromkeys(report.system for report in reports))
    by_seed: dict[int, dict[str, Report]] = {}
    for report in reports:
        by_seed.setdefault(report.seed, {})[report.system] = report
    heads = ["seed", "seconds", *(f"{system}: {what}" for system in systems for what in _COLUMNS)]
    rows = [
        [
            str(seed),
            f"{next(iter(runs.values())).duration_seconds:.0f}",
            *(cell for system in systems for cell in _of_seed(runs.get(system))),
        ]
        for seed, runs in sorted(by_seed.items())
    ]
    yield _table(heads, rows)
    yield "\n".join(_sum(system, reports) for system in systems)


_COLUMNS = ("faults", "changes", "rows", "missing", "too much", "stale", "equal after")


def _of_seed(report: Report | None) -> Sequence[str]:
    if report is None:
        return [""] * len(_COLUMNS)
    made = sum(not one.not_made for one in report.struck)
    counts = (made, report.committed, report.rows, report.missing, report.extra, report.stale)
    return [*(f"{count:,}" for count in counts), _time(report)]


def _sum(system: str, reports: Sequence[Report]) -> str:
    ours = [report for report in reports if report.system == system]
    wrong, rows = sum(report.wrong for report in ours), sum(report.rows for report in ours)
    share = wrong / rows if rows else 0
    return (
        f"- **{system}**: {wrong:,} of {rows:,} rows wrong ({share:.1%}) after {len(ours)} runs."
    )


def _matrix(reports: Sequence[Report]) -> Iterable[str]:
    ours = _by_fault(report for report in reports if report.system != _OTHER)
    theirs = _by_fault(report for report in reports if report.system == _OTHER)
    heads = ["fault", *_GUARANTEES, "equal after"]
    if theirs:
        heads.append(f"{_OTHER}: wrong rows")
    groups = dict.fromkeys(fault.group for fault in CATALOGUE)
    for group in groups:
        rows = [
            [fault.name, *_verdicts(ours[fault.name]), _time(ours[fault.name])]
            + ([_other(theirs.get(fault.name))] if theirs else [])
            for fault in CATALOGUE
            if fault.group == group and fault.name in ours
        ]
        if rows:
            yield f"### {group.capitalize()}"
            yield _table(heads, rows)


def _by_fault(reports: Iterable[Report]) -> dict[str, Report]:
    return {one.fault: report for report in reports for one in report.struck}


def _verdicts(report: Report) -> Sequence[str]:
    broken = report.broken()
    return [broken.get(guarantee, "✓") for guarantee in _GUARANTEES]


def _time(report: Report) -> str:
    if report.converged_seconds is None:
        return "never"
    mended = f", {report.before_repair} rows mended" if report.repaired else ""
    return f"{report.converged_seconds:.1f} s{mended}"


def _other(report: Report | None) -> str:
    if report is None or all(one.not_made for one in report.struck):
        return "-"
    if report.leftovers and not report.rows:
        return "did not come up again"
    words = f"{report.wrong} of {report.rows}"
    poison = report.poison - report.kept_poison
    return f"{words}; {poison} of {report.poison} letters lost" if poison else words


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """`python -m faults.document FILE…`: replaces the measured part of the page."""
    reports = [
        Report.from_json(data)
        for name in sys.argv[1:]
        for data in json.loads(Path(name).read_text())
    ]
    written = PAGE.read_text().partition(_BEGIN)[0]
    PAGE.write_text(written + render(reports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
