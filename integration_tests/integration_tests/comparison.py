"""Compares rows that two databases must have alike."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from integration_tests import databases
from integration_tests.databases import Row

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ReplicatedTable:
    """Two queries that must return the same rows; the first column is the primary key."""

    cqrs_id: str
    on_master: str
    on_replica: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How the two sides of one table differ; keys as text."""

    cqrs_id: str
    rows: int
    missing: list[str]
    extra: list[str]
    differing: dict[str, tuple[Row, Row]]

    @property
    def wrong(self) -> int:
        """How many rows are not as they should be."""
        return len(self.missing) + len(self.extra) + len(self.differing)

    def __bool__(self) -> bool:
        return self.wrong > 0

    def lines(self) -> list[str]:
        """The difference in words, with the first rows."""
        summary = (
            f"{self.cqrs_id}: {len(self.missing)} missing {self.missing[:_SHOWN]}, "
            f"{len(self.extra)} too much {self.extra[:_SHOWN]}, "
            f"{len(self.differing)} differ of {self.rows}"
        )
        shown = [
            f"  {pk}: {expected} on the master, {found} on the replica"
            for pk, (expected, found) in self.differing.items()
        ]
        return [summary, *shown[:_SHOWN]]


def compare(
    tables: Sequence[ReplicatedTable], master_url: str, replica_url: str
) -> list[Difference]:
    """Compare all rows; a difference for each table, true where there is one."""
    on_master = databases.query_all(master_url, [table.on_master for table in tables])
    on_replica = databases.query_all(replica_url, [table.on_replica for table in tables])
    return [
        _compare(table.cqrs_id, _by_key(expected), _by_key(found))
        for table, expected, found in zip(tables, on_master, on_replica, strict=True)
    ]


def assert_equal_rows(
    tables: Sequence[ReplicatedTable],
    master_url: str,
    replica_url: str,
    *,
    filled: Collection[str] = (),
) -> None:
    """Fail with the first differences if any replicated row differs, is missing or is too much.

    Args:
        tables: what to compare.
        master_url: database of the master.
        replica_url: database of the replica.
        filled: CQRS_IDs of tables that are meant to hold rows; an empty one is a difference too.
    """
    unknown = set(filled) - {table.cqrs_id for table in tables}
    assert not unknown, f"no such tables: {unknown}"
    complaints: list[str] = []
    for difference in compare(tables, master_url, replica_url):
        if difference:
            complaints += difference.lines()
        elif difference.cqrs_id in filled and not difference.rows:
            complaints.append(f"{difference.cqrs_id}: no rows at all")
    assert not complaints, "\n".join(complaints)


def _by_key(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row[0]): row for row in rows}


def _compare(cqrs_id: str, expected: dict[str, Row], found: dict[str, Row]) -> Difference:
    return Difference(
        cqrs_id,
        len(expected),
        missing=sorted(expected.keys() - found.keys()),
        extra=sorted(found.keys() - expected.keys()),
        differing={
            pk: (expected[pk], found[pk])
            for pk in sorted(expected.keys() & found.keys())
            if expected[pk] != found[pk]
        },
    )
