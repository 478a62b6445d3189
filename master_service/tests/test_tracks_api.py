"""Tracks: created from names, priced with a history."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from master_service.catalogue.models import Album, Artist, Genre, MediaType, PriceChange, Track
from tests.conftest import create_track

pytestmark = pytest.mark.django_db

NAMED_TRACK = {
    "name": "Ace of Spades",
    "artist_name": "Motörhead",
    "album_title": "Ace of Spades",
    "media_type_name": "MPEG audio file",
    "genre_name": "Metal",
    "unit_price": "0.99",
}


def history(track: Track) -> list[tuple[Decimal, Decimal]]:
    changes = PriceChange.objects.filter(track=track).order_by("pk")
    return list(changes.values_list("old_price", "new_price"))


def test_one_request_creates_a_track_on_an_empty_database(api: APIClient) -> None:
    response = api.post("/api/tracks/", NAMED_TRACK)

    assert response.status_code == 201
    track = Track.objects.get()
    assert response.json() == {
        "id": track.pk,
        "cqrs_revision": 0,
        "name": "Ace of Spades",
        "album": track.album_id,
        "media_type": track.media_type_id,
        "genre": track.genre_id,
        "composer": "",
        "milliseconds": None,
        "bytes": None,
        "unit_price": "0.99",
    }
    assert track.album.artist.name == "Motörhead"


def test_rows_that_are_named_are_taken_where_they_exist(api: APIClient) -> None:
    api.post("/api/tracks/", NAMED_TRACK)
    response = api.post("/api/tracks/", {**NAMED_TRACK, "name": "Fast and Loose"})

    assert response.status_code == 201
    for model in (Artist, Album, Genre, MediaType):
        assert model._default_manager.count() == 1


def test_nothing_is_left_of_a_creation_that_failed(api: APIClient, track: Track) -> None:
    response = api.post("/api/tracks/", {**NAMED_TRACK, "artist_name": "New", "id": track.pk})

    assert response.status_code == 400
    assert response.json()["details"].keys() == {"id"}
    assert not Artist.objects.filter(name="New").exists()


def test_a_track_is_created_from_keys(api: APIClient, track: Track) -> None:
    response = api.post(
        "/api/tracks/",
        {
            "name": "Bomber",
            "album": track.album_id,
            "media_type": track.media_type_id,
            "composer": None,
            "milliseconds": 222_000,
            "bytes": 4_000_000_000,
            "unit_price": 1,
        },
    )

    assert response.status_code == 201
    created = Track.objects.get(name="Bomber")
    assert created.genre is None
    assert (created.composer, created.bytes) == ("", 4_000_000_000)
    assert created.unit_price == Decimal(1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"album_title": None}, "album_title"),
        ({"artist_name": ""}, "artist_name"),
        ({"album": 1}, "album"),
        ({"media_type": 1}, "media_type"),
        ({"genre": 1}, "genre"),
    ],
)
def test_a_related_row_is_given_once_and_completely(
    api: APIClient, change: dict[str, object], field: str
) -> None:
    response = api.post("/api/tracks/", {**NAMED_TRACK, **change})

    assert response.status_code == 400
    assert field in response.json()["details"]


@pytest.mark.parametrize("missing", ["artist_name", "album_title", "media_type_name"])
def test_a_related_row_that_is_missing_is_named(api: APIClient, missing: str) -> None:
    body = {name: value for name, value in NAMED_TRACK.items() if name != missing}

    response = api.post("/api/tracks/", body)

    assert response.status_code == 400
    assert "Give " in str(response.json()["details"])


def test_a_new_price_is_written_to_the_history(api: APIClient, track: Track) -> None:
    response = api.patch(f"/api/tracks/{track.pk}/", {"unit_price": "1.29"})

    assert response.json()["unit_price"] == "1.29"
    assert history(track) == [(Decimal("0.99"), Decimal("1.29"))]


def test_a_change_of_anything_else_leaves_the_history_alone(api: APIClient, track: Track) -> None:
    api.patch(f"/api/tracks/{track.pk}/", {"name": "Renamed", "unit_price": "0.99"})

    assert history(track) == []


def test_many_tracks_get_one_price(api: APIClient, track: Track) -> None:
    same_price, untouched = create_track(unit_price="1.29"), create_track()

    response = api.patch(
        "/api/tracks/bulk/", {"ids": [track.pk, same_price.pk], "unit_price": "1.29"}
    )

    assert response.json() == {"updated": 1}
    assert history(track) == [(Decimal("0.99"), Decimal("1.29"))]
    assert history(same_price) == history(untouched) == []
    track.refresh_from_db()
    assert track.unit_price == Decimal("1.29")


def test_the_history_can_only_be_read(api: APIClient, track: Track) -> None:
    api.patch(f"/api/tracks/{track.pk}/", {"unit_price": "1.29"})
    (change,) = api.get(f"/api/price-changes/?track={track.pk}").json()["results"]

    assert (change["old_price"], change["new_price"]) == ("0.99", "1.29")
    for method in (api.post, api.put, api.patch, api.delete):
        assert method(f"/api/price-changes/{change['id']}/").status_code == 405
