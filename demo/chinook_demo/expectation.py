"""What the storefront must show for what the back office holds: the contract between the two.

Pure functions from the master's rows to the replica's. Left out is what the replica has of its
own (`previous_price`, `is_featured`) and the time of the last change, which the master's API does
not show; the revision stands for it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from chinook_demo.rows import Row

_PRICES = frozenset({"unit_price", "price_before", "price_after", "total"})
_TIMES = frozenset({"changed_at", "sold_at"})


def expected_rows(master: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """The rows of the replica, by resource, for all rows of the master."""
    names = {
        resource: {row["id"]: row["name"] for row in master[resource]}
        for resource in ("artists", "genres", "media-types")
    }
    albums = {row["id"]: row for row in master["albums"]}
    return {
        "genres": list(master["genres"]),
        "media-types": list(master["media-types"]),
        "artists": list(master["artists"]),
        "albums": [_album(row, names) for row in master["albums"]],
        "tracks": [_track(row, albums, names) for row in master["tracks"]],
        "price-changes": [_price_change(row) for row in master["price-changes"]],
        **_playlists(master),
        **_sales(master),
    }


def comparable(row: Row, fields: Iterable[str]) -> Row:
    """Some fields of a row, where 0.9 and 0.90 are the same price, and Z and +00:00 one zone."""
    return {field: _comparable(field, row.get(field)) for field in fields}


def _comparable(field: str, value: Any) -> Any:
    if value is None:
        return None
    if field in _PRICES:
        return Decimal(value)
    return datetime.fromisoformat(value) if field in _TIMES else value


def _album(row: Row, names: Mapping[str, Mapping[int, str]]) -> Row:
    return {
        "id": row["id"],
        "cqrs_revision": row["cqrs_revision"],
        "title": row["title"],
        "artist_id": row["artist"],
        "artist_name": names["artists"].get(row["artist"]),
    }


def _track(row: Row, albums: Mapping[int, Row], names: Mapping[str, Mapping[int, str]]) -> Row:
    album = albums.get(row["album"], {})
    return {
        "id": row["id"],
        "cqrs_revision": row["cqrs_revision"],
        "name": row["name"],
        "album_id": row["album"],
        "album_title": album.get("title"),
        "artist_id": album.get("artist"),
        "artist_name": names["artists"].get(album.get("artist", 0)),
        "genre_id": row["genre"],
        # A search row has no null names.
        "genre_name": names["genres"].get(row["genre"]) if row["genre"] else "",
        "media_type_name": names["media-types"].get(row["media_type"]),
        "composer": row["composer"],
        "milliseconds": row["milliseconds"],
        "bytes": row["bytes"],
        "unit_price": row["unit_price"],
    }


def _price_change(row: Row) -> Row:
    return {
        "id": row["id"],
        "cqrs_revision": row["cqrs_revision"],
        "track_id": row["track"],
        "price_before": row["old_price"],
        "price_after": row["new_price"],
        "changed_at": row["changed_at"],
    }


def _playlists(master: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    counts = Counter(row["playlist"] for row in master["playlist-tracks"])
    return {
        "playlists": [{**row, "track_count": counts[row["id"]]} for row in master["playlists"]],
        "playlist-tracks": [
            {
                "id": row["id"],
                "cqrs_revision": row["cqrs_revision"],
                "playlist_id": row["playlist"],
                "track_id": row["track"],
            }
            for row in master["playlist-tracks"]
        ],
    }


def _sales(master: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """Of people no more than the country; of invoices those that are no drafts."""
    invoices = {row["id"]: row for row in master["invoices"] if row["status"] != "draft"}
    lines = [row for row in master["invoice-lines"] if row["invoice"] in invoices]
    return {
        "customers": [
            {name: row[name] for name in ("id", "cqrs_revision", "country")}
            for row in master["customers"]
        ],
        "invoices": [_invoice(row) for row in invoices.values()],
        "sales": [_sale(row, invoices[row["invoice"]]) for row in lines],
    }


def _invoice(row: Row) -> Row:
    return {
        "id": row["id"],
        "cqrs_revision": row["cqrs_revision"],
        "customer_id": row["customer"],
        "status": row["status"],
        "sold_at": row["invoiced_at"],
        "country": row["billing_country"],
        "total": row["total"],
    }


def _sale(row: Row, invoice: Row) -> Row:
    return {
        "id": row["id"],
        "cqrs_revision": row["cqrs_revision"],
        "invoice_id": row["invoice"],
        "status": invoice["status"],
        "sold_at": invoice["invoiced_at"],
        "country": invoice["billing_country"],
        "track_id": row["track"],
        "unit_price": row["unit_price"],
        "quantity": row["quantity"],
    }
