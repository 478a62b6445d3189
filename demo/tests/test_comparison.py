"""What counts as a difference."""

from typing import Any

import pytest

from chinook_demo.comparison import compare
from chinook_demo.expectation import expected_rows
from chinook_demo.rows import Row

TRACK: dict[str, Any] = {
    "id": 1,
    "cqrs_revision": 4,
    "name": "So What",
    "album": 10,
    "media_type": 30,
    "genre": 40,
    "composer": "",
    "milliseconds": 564009,
    "bytes": None,
    "unit_price": "0.99",
}
MASTER: dict[str, list[Row]] = {
    "artists": [{"id": 20, "cqrs_revision": 0, "name": "Miles Davis"}],
    "albums": [{"id": 10, "cqrs_revision": 0, "title": "Kind of Blue", "artist": 20}],
    "genres": [{"id": 40, "cqrs_revision": 0, "name": "Jazz"}],
    "media-types": [{"id": 30, "cqrs_revision": 0, "name": "AAC"}],
    "tracks": [TRACK],
    "price-changes": [
        {
            "id": 50,
            "cqrs_revision": 0,
            "track": 1,
            "old_price": "1.10",
            "new_price": "0.99",
            "changed_at": "2026-01-02T03:04:05Z",
        }
    ],
    "playlists": [{"id": 60, "cqrs_revision": 0, "name": "Quiet"}],
    "playlist-tracks": [{"id": 61, "cqrs_revision": 0, "playlist": 60, "track": 1}],
    "customers": [{"id": 70, "cqrs_revision": 0, "country": "Brazil", "email": "ada@home"}],
    "invoices": [
        {
            "id": key,
            "cqrs_revision": 0,
            "customer": 70,
            "status": status,
            "invoiced_at": "2026-01-02T03:04:05Z",
            "billing_country": "Brazil",
            "billing_city": "Sao Paulo",
            "total": "0.99",
        }
        for key, status in ((80, "paid"), (81, "draft"))
    ],
    "invoice-lines": [
        {
            "id": key + 10,
            "cqrs_revision": 0,
            "invoice": key,
            "track": 1,
            "unit_price": "0.99",
            "quantity": 1,
        }
        for key in (80, 81)
    ],
}
#: The storefront's row of TRACK.
SHOWN: dict[str, Any] = {
    "id": 1,
    "cqrs_revision": 4,
    "name": "So What",
    "album_id": 10,
    "album_title": "Kind of Blue",
    "artist_id": 20,
    "artist_name": "Miles Davis",
    "genre_id": 40,
    "genre_name": "Jazz",
    "media_type_name": "AAC",
    "composer": "",
    "milliseconds": 564009,
    "bytes": None,
    "unit_price": "0.99",
}
OWN = {"previous_price": "1.10", "is_featured": True, "cqrs_updated": "2026-01-02T03:04:05Z"}


def test_the_flat_row_of_a_track_has_the_names_of_its_parents() -> None:
    assert expected_rows(MASTER)["tracks"] == [SHOWN]


def test_of_people_the_country_is_expected_and_of_drafts_nothing() -> None:
    expected = expected_rows(MASTER)

    assert expected["customers"] == [{"id": 70, "cqrs_revision": 0, "country": "Brazil"}]
    assert [row["id"] for row in expected["invoices"]] == [80]
    assert [row["id"] for row in expected["sales"]] == [90]
    assert "ada@home" not in str(expected)
    assert "Sao Paulo" not in str(expected)
    assert expected["playlists"][0]["track_count"] == 1


def test_a_track_without_a_genre_has_an_empty_name_of_it() -> None:
    (row,) = expected_rows({**MASTER, "tracks": [{**TRACK, "genre": None}]})["tracks"]

    assert row["genre_id"] is None
    assert row["genre_name"] == ""


def test_columns_of_the_storefront_alone_are_not_compared() -> None:
    assert compare("tracks", [SHOWN], [SHOWN | OWN]).differences == 0


@pytest.mark.parametrize("field", [field for field in SHOWN if field != "id"])
def test_every_shared_field_is_compared(field: str) -> None:
    found = SHOWN | OWN | {field: "7"}

    comparison = compare("tracks", [SHOWN], [found])

    assert comparison.differences == 1
    assert [d.field for d in comparison.different[1]] == [field]


def test_a_field_that_the_replica_does_not_show_is_a_difference() -> None:
    found = {name: value for name, value in SHOWN.items() if name != "artist_name"}

    assert compare("tracks", [SHOWN], [found]).differences == 1


def test_prices_and_times_are_compared_by_value() -> None:
    found = {
        "id": 50,
        "cqrs_revision": 0,
        "track_id": 1,
        "price_before": "1.1",
        "price_after": "0.990",
        "changed_at": "2026-01-02T03:04:05+00:00",
    }

    assert (
        compare("price-changes", expected_rows(MASTER)["price-changes"], [found]).different == {}
    )


def test_missing_and_extra_rows_are_named_by_their_keys() -> None:
    rows = [{"id": key, "cqrs_revision": 0, "name": "x"} for key in range(5)]

    comparison = compare("genres", rows[:4], rows[2:])

    assert (comparison.master_rows, comparison.replica_rows) == (4, 3)
    assert (comparison.missing, comparison.extra) == ([0, 1], [4])
    assert comparison.differences == 3
