"""What readers of the storefront get."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from replica_service.storefront import services
from tests.stream import deliver_row, deliver_track, price_change_data

pytestmark = pytest.mark.django_db


@pytest.fixture
def tracks(db: None) -> None:
    """Three tracks of two artists; one became cheaper, one dearer."""
    deliver_track()
    deliver_track(revision=1, unit_price=0.79)
    deliver_row("price_change", **price_change_data(new_price=0.79))
    deliver_track(id=2, name="Dr. Feelgood", artist={"id": 22, "name": "Mötley Crüe"})
    deliver_track(
        revision=1,
        id=2,
        name="Dr. Feelgood",
        artist={"id": 22, "name": "Mötley Crüe"},
        album={"id": 12, "title": "Dr. Feelgood"},
        unit_price=1.99,
    )
    deliver_row("price_change", **price_change_data(id=2, track=2, new_price=1.99))
    deliver_track(id=3, name="100% Straße", genre=None, album={"id": 13, "title": "Bomber"})


def found(api: APIClient, query: str) -> list[int]:
    response = api.get(f"/api/tracks/?{query}")
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_a_track_is_shown_with_everything_beside_it(api: APIClient, tracks: None) -> None:
    body = api.get("/api/tracks/1/").json()

    assert body.pop("cqrs_updated")
    assert body == {
        "id": 1,
        "cqrs_revision": 1,
        "name": "Ace of Spades",
        "album_id": 11,
        "album_title": "Ace of Spades",
        "artist_id": 21,
        "artist_name": "Motörhead",
        "genre_id": 31,
        "genre_name": "Metal",
        "media_type_name": "MPEG audio file",
        "composer": "Kilmister",
        "milliseconds": 169_000,
        "bytes": 4_000_000_000,
        "unit_price": "0.79",
        "previous_price": "0.99",
        "is_featured": False,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("search=motorhead", [1, 3]),
        ("search=MOTÖRHEAD", [1, 3]),
        ("search=crue feelgood", [2]),
        ("search=spades ace", [1]),
        ("search=spades bomber", []),
        ("search=strasse", [3]),
        ("search=100%25", [3]),
        ("search=%25", [3]),
        ("search=_", []),
        ("search=", [1, 2, 3]),
        ("search=   ", [1, 2, 3]),
        ("genre=metal", [1, 2]),
        ("genre=Met", []),
        ("genre_id=31", [1, 2]),
        ("artist=head", [1, 3]),
        ("artist_id=22", [2]),
        ("album=bomb", [3]),
        ("album_id=11", [1]),
        ("min_price=0.99", [2, 3]),
        ("max_price=0.98", [1]),
        ("min_price=0.8&max_price=1", [3]),
        ("is_reduced=true", [1]),
        ("is_reduced=false", [2, 3]),
        ("is_featured=true", [2]),
        ("ordering=-unit_price", [2, 3, 1]),
        ("ordering=name", [3, 1, 2]),
        ("search=motorhead&genre=metal&max_price=1", [1]),
    ],
)
def test_tracks_are_searched_filtered_and_ordered(
    api: APIClient, tracks: None, query: str, expected: list[int]
) -> None:
    services.tracks_feature(track_ids=[2], is_featured=True)

    assert found(api, query) == expected


def test_an_album_shows_its_artist_as_soon_as_it_has_arrived(api: APIClient) -> None:
    deliver_row("album", id=11, title="Ace of Spades", artist=21)
    assert api.get("/api/albums/").json()["results"][0]["artist_name"] is None

    deliver_row("artist", id=21, name="Motörhead")

    assert api.get("/api/albums/11/").json()["artist_name"] == "Motörhead"
    assert api.get("/api/albums/?ordering=artist_name&artist_id=21").json()["count"] == 1


def test_the_price_history_of_a_track_can_be_read(api: APIClient) -> None:
    for key, track in ((1, 1), (2, 2)):
        deliver_row(
            "price_change",
            id=key,
            track=track,
            old_price=0.99,
            new_price=1.29,
            changed_at=f"2026-11-2{key} 12:00:00+00:00",
        )

    (change,) = api.get("/api/price-changes/?track_id=1").json()["results"]
    assert (change["price_before"], change["price_after"]) == ("0.99", "1.29")
    after = api.get("/api/price-changes/?changed_after=2026-11-22T00:00:00Z").json()
    assert [row["id"] for row in after["results"]] == [2]


@pytest.mark.parametrize(
    ("resource", "rows"),
    [
        ("tracks", lambda key: deliver_track(id=key)),
        ("albums", lambda key: deliver_row("album", id=key, title="x", artist=key)),
        ("artists", lambda key: deliver_row("artist", id=key, name="x")),
    ],
)
def test_a_page_costs_two_queries_whatever_its_size(
    api: APIClient, resource: str, rows: "object"
) -> None:
    assert callable(rows)
    for key in range(1, 21):
        rows(key)

    with CaptureQueriesContext(connection) as queries:
        body = api.get(f"/api/{resource}/?page_size=20").json()

    assert len(body["results"]) == 20
    assert len(queries) == 2  # the count and the page


def test_pages_follow_each_other(api: APIClient, tracks: None) -> None:
    first = api.get("/api/tracks/?page_size=2").json()

    assert first["count"] == 3
    assert [row["id"] for row in api.get(first["next"]).json()["results"]] == [3]


@pytest.mark.parametrize(
    "query",
    [
        "min_price=abc",
        "min_price=1e40",
        "max_price=-1",
        "max_price=NaN",
        "album_id=x",
        "artist_id=99999999999999999999",
        "genre_id=0",
        "search=%00",
        "genre=%00",
        f"search={'x' * 201}",
    ],
)
def test_a_bad_filter_is_refused_under_its_name(api: APIClient, query: str) -> None:
    response = api.get(f"/api/tracks/?{query}")

    assert response.status_code == 400
    assert set(response.json()) == {"code", "message", "details"}
    assert query.partition("=")[0] in response.json()["details"]


@pytest.mark.parametrize("key", ["0", "999", "9" * 30, "abc", "%00", "1'"])
def test_an_address_of_nothing_is_404(api: APIClient, key: str) -> None:
    response = api.get(f"/api/tracks/{key}/")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
