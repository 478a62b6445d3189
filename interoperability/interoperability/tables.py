"""Compares all columns of all replicated rows of two databases."""

from collections.abc import Collection, Sequence

from integration_tests.comparison import ReplicatedTable, assert_equal_rows


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


def assert_equal_tables(master_url: str, replica_url: str, *, filled: Collection[str]) -> None:
    """Fail with the first differences if any replicated row differs, is missing or is too much.

    Args:
        master_url: database of the master.
        replica_url: database of the replica.
        filled: tables that hold rows. All others may be empty, which two sides between which
            nothing was replicated are as well.
    """
    assert_equal_rows(TABLES, master_url, replica_url, filled=filled)
