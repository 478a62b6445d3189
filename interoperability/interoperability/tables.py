"""Compares all columns of all replicated rows of two databases."""

from collections.abc import Sequence
from dataclasses import dataclass

from integration_tests import databases
from integration_tests.databases import Row

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ReplicatedTable:
    """Two queries that must return the same rows; the first column is the primary key."""

    name: str
    on_master: str
    on_replica: str


def _plain(name: str, columns: str) -> ReplicatedTable:
    """A table with the same columns on both sides."""
    columns = f"{columns}, cqrs_revision, cqrs_updated"
    return ReplicatedTable(
        name, f"SELECT {columns} FROM origin_{name}", f"SELECT {columns} FROM copies_{name}"
    )


TABLES: Sequence[ReplicatedTable] = (
    _plain("brand", "code, name"),
    _plain("tag", "id, label"),
    _plain("rate", "id, value"),
    ReplicatedTable(
        "product",
        """
        SELECT id, name, brand_id, price, weight, stock, released, listed_at, batch, attributes,
            notes, cqrs_revision, cqrs_updated
        FROM origin_product WHERE is_listed
        """,
        """
        SELECT id, title, brand_code, amount, weight, stock, released_on, listed_at, batch,
            attributes, notes, cqrs_revision, cqrs_updated
        FROM copies_product
        """,
    ),
    ReplicatedTable(
        "order",
        """
        SELECT o.id, c.name, c.is_vip, o.cqrs_revision, o.cqrs_updated, coalesce((
            SELECT jsonb_agg(jsonb_build_object('item', l.item, 'count', l.count) ORDER BY l.id)
            FROM origin_orderline l WHERE l.order_id = o.id
        ), '[]')
        FROM origin_order o JOIN origin_customer c ON c.id = o.customer_id
        """,
        "SELECT id, customer, is_vip, cqrs_revision, cqrs_updated, items FROM copies_order",
    ),
    ReplicatedTable(
        "announcement",
        "SELECT id, text FROM origin_announcement",
        "SELECT number, text FROM copies_heardannouncement WHERE text IS NOT NULL",
    ),
)


def assert_equal_tables(master_url: str, replica_url: str) -> None:
    """Fail with the first differences if any replicated row differs, is missing or is too much."""
    differences: list[str] = []
    for table in TABLES:
        expected = _by_key(databases.rows(master_url, table.on_master))
        found = _by_key(databases.rows(replica_url, table.on_replica))
        differences += _compare(table.name, expected, found)
    assert not differences, "\n".join(differences)


def _by_key(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row[0]): row for row in rows}


def _compare(name: str, expected: dict[str, Row], found: dict[str, Row]) -> list[str]:
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
        f"{name}: {len(missing)} missing {missing[:_SHOWN]}, {len(extra)} too much "
        f"{extra[:_SHOWN]}, {len(differing)} differ of {len(expected)}"
    )
    return [summary, *differing[:_SHOWN]]
