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
    on_master = databases.query_all(master_url, [table.on_master for table in tables])
    on_replica = databases.query_all(replica_url, [table.on_replica for table in tables])
    differences: list[str] = []
    for table, expected, found in zip(tables, on_master, on_replica, strict=True):
        differences += _compare(table.cqrs_id, _by_key(expected), _by_key(found))
        if table.cqrs_id in filled and not found:
            differences.append(f"{table.cqrs_id}: no rows at all")
    assert not differences, "\n".join(differences)


def _by_key(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row[0]): row for row in rows}


def _compare(cqrs_id: str, expected: dict[str, Row], found: dict[str, Row]) -> list[str]:
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    differing = [
        f"  {pk}: {expected[pk]} on the master, {found[pk]} on the replica"
        for pk in sorted(expected.keys() & found.keys())
        if expected[pk] != found[pk]
    ]
    if not (missing or extra or differing):
        return []
    summary = (
        f"{cqrs_id}: {len(missing)} missing {missing[:_SHOWN]}, {len(extra)} too much "
        f"{extra[:_SHOWN]}, {len(differing)} differ of {len(expected)}"
    )
    return [summary, *differing[:_SHOWN]]
