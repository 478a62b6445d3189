"""Compares every replicated row of two databases: the only judge of whether replication worked."""

from collections.abc import Sequence

from integration_tests import databases
from integration_tests.comparison import ReplicatedTable, assert_equal_rows


def _plain(
    cqrs_id: str, table: str, columns: str, apps: tuple[str, str] = ("catalogue", "storefront")
) -> ReplicatedTable:
    """A table that has the same columns on both sides."""
    select = "SELECT id, cqrs_revision, {columns} FROM {app}_{table} ORDER BY id"
    on_master, on_replica = (select.format(columns=columns, app=app, table=table) for app in apps)
    return ReplicatedTable(cqrs_id, on_master, on_replica)


TABLES: Sequence[ReplicatedTable] = (
    _plain("artist", "artist", "name, cqrs_updated"),
    _plain("album", "album", "title, artist_id, cqrs_updated"),
    _plain("genre", "genre", "name, cqrs_updated"),
    _plain("media_type", "mediatype", "name, cqrs_updated"),
    ReplicatedTable(
        "track",
        """
        SELECT track.id, track.cqrs_revision, track.cqrs_updated, track.name, track.album_id,
            album.title, artist.id, artist.name, track.genre_id, coalesce(genre.name, ''),
            media_type.name, track.composer, track.milliseconds, track.bytes, track.unit_price
        FROM catalogue_track track
        JOIN catalogue_album album ON album.id = track.album_id
        JOIN catalogue_artist artist ON artist.id = album.artist_id
        JOIN catalogue_mediatype media_type ON media_type.id = track.media_type_id
        LEFT JOIN catalogue_genre genre ON genre.id = track.genre_id
        ORDER BY track.id
        """,
        """
        SELECT id, cqrs_revision, cqrs_updated, name, album_id,
            album_title, artist_id, artist_name, genre_id, genre_name,
            media_type_name, composer, milliseconds, bytes, unit_price
        FROM storefront_track ORDER BY id
        """,
    ),
    ReplicatedTable(
        "price_change",
        """
        SELECT id, cqrs_revision, track_id, old_price, new_price, changed_at, cqrs_updated
        FROM catalogue_pricechange ORDER BY id
        """,
        """
        SELECT id, cqrs_revision, track_id, price_before, price_after, changed_at, cqrs_updated
        FROM storefront_pricechange ORDER BY id
        """,
    ),
    _plain("playlist", "playlist", "name, cqrs_updated", ("playlists", "playlists")),
    _plain(
        *("playlist_track", "playlisttrack", "playlist_id, track_id, cqrs_updated"),
        ("playlists", "playlists"),
    ),
    _plain("customer", "customer", "country, cqrs_updated", ("sales", "sales")),
    ReplicatedTable(
        "invoice",
        """
        SELECT id, cqrs_revision, customer_id, status, invoiced_at, billing_country, total,
            cqrs_updated
        FROM sales_invoice WHERE status <> 'draft' ORDER BY id
        """,
        """
        SELECT id, cqrs_revision, customer_id, status, sold_at, country, total, cqrs_updated
        FROM sales_invoice ORDER BY id
        """,
    ),
    ReplicatedTable(
        "invoice_line",
        """
        SELECT line.id, line.cqrs_revision, invoice.id, invoice.status, invoice.invoiced_at,
            invoice.billing_country, line.track_id, line.unit_price, line.quantity,
            line.cqrs_updated
        FROM sales_invoiceline line JOIN sales_invoice invoice ON invoice.id = line.invoice_id
        WHERE invoice.status <> 'draft' ORDER BY line.id
        """,
        """
        SELECT id, cqrs_revision, invoice_id, status, sold_at,
            country, track_id, unit_price, quantity, cqrs_updated
        FROM sales_sale ORDER BY id
        """,
    ),
)


def assert_equal_tables(master_url: str, replica_url: str) -> None:
    """Fail with the first differences if any replicated row differs, is missing or is too much."""
    assert_equal_rows(TABLES, master_url, replica_url)


def count_rows(replica_url: str) -> int:
    """How many replicated rows a replica has."""
    queries = [table.on_replica for table in TABLES]
    return sum(len(rows) for rows in databases.query_all(replica_url, queries))
