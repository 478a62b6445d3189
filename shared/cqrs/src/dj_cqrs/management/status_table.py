"""A health report for people: a table on a terminal, plain lines elsewhere."""

from typing import Any

from dj_cqrs.health.report import Report


def show(report: Report, stream: Any) -> None:
    """Prints a report.

    Args:
        report: what was found.
        stream: ``self.stdout`` of a command.
    """
    if stream.isatty():
        try:
            _show_table(report, stream)
        except ImportError:
            pass  # rich is an optional dependency
        else:
            return
    for check in report.checks:
        stream.write(f"{'ok' if check.is_ok else 'FAILED'} {check.name}: {check.detail}")


def _show_table(report: Report, stream: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "check", "what was found")
    for check in report.checks:
        mark = Text("ok", "green") if check.is_ok else Text("FAILED", "bold red")
        table.add_row(mark, check.name, Text(check.detail))
    Console(file=stream).print(table)
