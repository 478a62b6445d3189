"""How loading looks: a line for each resource, and on a terminal two bars."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class LoadProgress(Protocol):
    """What loading tells while it goes on."""

    def loaded(self, resource: str, rows: int) -> None:
        """The master has so many more rows of the data set, lines of invoices among them."""

    def replica_lacks(self, count: Callable[[], int]) -> None:
        """The replica is behind the master by rows that can be counted."""

    def finished(self, resource: str, rows: int, created: int) -> None:
        """The resource is complete; so many of its rows were created."""


@contextmanager
def load_progress(console: Console, total: int) -> Iterator[LoadProgress]:
    """Shows the progress of loading so many rows."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("  {task.description:8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        yield _Bars(bars, total)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._loaded: Counter[str] = Counter()

    def loaded(self, resource: str, rows: int) -> None:
        self._loaded[resource] += rows

    def replica_lacks(self, count: Callable[[], int]) -> None:
        """Nothing: a line that has been printed cannot move."""

    def finished(self, resource: str, rows: int, created: int) -> None:
        line = f"  master   {rows:,} {resource}, {created:,} of them created"
        self._console.print(line, soft_wrap=True)


class _Bars(_Lines):
    def __init__(self, bars: Progress, total: int) -> None:
        super().__init__(bars.console)
        self._bars = bars
        self._master = bars.add_task("master", total=total)
        self._replica = bars.add_task("replica", total=total)

    def loaded(self, resource: str, rows: int) -> None:
        super().loaded(resource, rows)
        self._bars.update(self._master, completed=self._loaded.total())

    def replica_lacks(self, count: Callable[[], int]) -> None:
        self._bars.update(self._replica, completed=max(0, self._loaded.total() - count()))
