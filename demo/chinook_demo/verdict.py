"""The last words of the demo: a table of the comparison, and what differs if anything does."""

from collections.abc import Iterator, Sequence
from itertools import islice

from rich import box
from rich.console import Console
from rich.table import Table

from chinook_demo.comparison import Comparison

#: Differences that are shown; one tells as much as a thousand.
_SHOWN = 10


def print_verdict(console: Console, comparisons: Sequence[Comparison]) -> None:
    """Prints the table and the sum."""
    console.print(_table(comparisons))
    rows = sum(c.master_rows for c in comparisons)
    differences = sum(c.differences for c in comparisons)
    words = f"{differences} difference{'' if differences == 1 else 's'} over {rows:,} rows"
    console.print(f"\n{words}", style="bold red" if differences else "bold green")
    lines = (line for c in comparisons for line in _lines(c))
    for line in islice(lines, _SHOWN):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if differences > _SHOWN:
        console.print(f"  … the first {_SHOWN} of them")


def _table(comparisons: Sequence[Comparison]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model")
    for name in ("on master", "on replica", "missing", "extra", "different"):
        table.add_column(name, justify="right")
    for c in comparisons:
        counts = (c.master_rows, c.replica_rows, len(c.missing), len(c.extra), len(c.different))
        table.add_row(c.resource, *(f"{count:,}" for count in counts))
    return table


def _lines(comparison: Comparison) -> Iterator[str]:
    for key in comparison.missing:
        yield f"{comparison.resource} {key}: missing on the replica"
    for key in comparison.extra:
        yield f"{comparison.resource} {key}: only on the replica"
    for key, fields in comparison.different.items():
        shown = "; ".join(f"{d.field} {d.found!r}, not {d.expected!r}" for d in fields)
        yield f"{comparison.resource} {key}: {shown}"
