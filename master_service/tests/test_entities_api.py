"""Artists, albums, genres and media types: what every resource can do."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from master_service.catalogue.models import Album, Artist, Genre, MediaType, Track
from tests.conftest import create_track

pytestmark = pytest.mark.django_db

NAMED = [("artists", Artist), ("genres", Genre), ("media-types", MediaType)]


@pytest.mark.parametrize(("resource", "model"), NAMED)
def test_a_row_is_created_read_changed_and_deleted(
    api: APIClient, resource: str, model: Any
) -> None:
    created = api.post(f"/api/{resource}/", {"name": "First"})
    assert created.status_code == 201
    assert created.json() == {"id": created.json()["id"], "cqrs_revision": 0, "name": "First"}

    address = f"/api/{resource}/{created.json()['id']}/"
    assert api.get(address).json() == created.json()
    assert api.put(address, {"name": "Second"}).json()["name"] == "Second"
    assert api.patch(address, {"name": "Third"}).json()["name"] == "Third"

    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
    assert not model.objects.exists()


def test_an_album_belongs_to_an_artist(api: APIClient) -> None:
    artist = Artist.objects.create(name="Motörhead")

    response = api.post("/api/albums/", {"title": "Bomber", "artist": artist.pk})

    assert response.json()["artist"] == artist.pk
    assert Album.objects.get().artist == artist


@pytest.fixture
def free_key() -> int:
    """A key that the database is far from handing out; PostgreSQL's sequences are never reset."""
    return Genre.objects.create(name="The last one").pk + 1000


def test_a_row_keeps_the_key_it_is_given_and_the_next_one_goes_on_after_it(
    api: APIClient, free_key: int
) -> None:
    assert api.post("/api/genres/", {"id": free_key, "name": "Opera"}).json()["id"] == free_key

    assert api.post("/api/genres/", {"name": "Rock"}).json()["id"] == free_key + 1


def test_the_very_next_key_is_not_handed_out_again(api: APIClient) -> None:
    last = Genre.objects.create(name="The last one").pk
    api.post("/api/genres/", {"id": last + 1, "name": "Opera"})

    assert api.post("/api/genres/", {"name": "Rock"}).json()["id"] == last + 2


def test_a_smaller_key_does_not_turn_the_sequence_back(api: APIClient, free_key: int) -> None:
    api.post("/api/genres/", {"id": free_key, "name": "Opera"})
    api.post("/api/genres/", {"id": free_key - 500, "name": "Metal"})

    assert api.post("/api/genres/", {"name": "Rock"}).json()["id"] == free_key + 1


def test_the_sequence_goes_on_after_the_largest_key_of_a_list(
    api: APIClient, free_key: int
) -> None:
    items = [{"id": free_key, "name": "Opera"}, {"id": free_key - 500, "name": "Rock"}]
    api.post("/api/genres/bulk/", items)

    assert api.post("/api/genres/", {"name": "Metal"}).json()["id"] == free_key + 1


def test_an_update_may_repeat_the_key_but_not_change_it(api: APIClient) -> None:
    genre = Genre.objects.create(name="Rock")
    address = f"/api/genres/{genre.pk}/"

    assert api.put(address, {"id": genre.pk, "name": "Rock & Roll"}).status_code == 200
    response = api.put(address, {"id": genre.pk + 1, "name": "Jazz"})

    assert response.status_code == 400
    assert response.json()["details"]["id"] == ["The key of a row cannot be changed."]


def test_what_was_read_can_be_put_back(api: APIClient, track: Track) -> None:
    address = f"/api/tracks/{track.pk}/"

    assert api.put(address, api.get(address).json()).status_code == 200


@pytest.mark.parametrize(
    ("resource", "name"), [("genres", "genre"), ("media-types", "media_type")]
)
def test_a_genre_or_media_type_in_use_cannot_be_deleted(
    api: APIClient, track: Track, resource: str, name: str
) -> None:
    response = api.delete(f"/api/{resource}/{getattr(track, name).pk}/")

    assert response.status_code == 409
    assert response.json()["code"] == "conflict"
    assert "rows that still use it: 1" in response.json()["message"]
    assert Track.objects.exists()


def test_deleting_an_album_takes_its_tracks_and_their_price_changes(
    api: APIClient, track: Track
) -> None:
    other = create_track(name="Bomber", album_title="Bomber")
    api.patch(f"/api/tracks/{track.pk}/", {"unit_price": "1.29"})

    assert api.delete(f"/api/albums/{track.album_id}/").status_code == 204

    assert list(Track.objects.all()) == [other]
    assert api.get("/api/price-changes/").json()["count"] == 0


def test_deleting_an_artist_takes_the_albums(api: APIClient, track: Track) -> None:
    assert api.delete(f"/api/artists/{track.album.artist_id}/").status_code == 204

    assert not Album.objects.exists()
    assert not Track.objects.exists()


def test_lists_come_in_pages_of_a_chosen_size(reader: APIClient) -> None:
    for number in range(5):
        Genre.objects.create(name=f"Genre {number}")

    page = reader.get("/api/genres/?page_size=2&page=2").json()

    assert page["count"] == 5
    assert [row["name"] for row in page["results"]] == ["Genre 2", "Genre 3"]


def test_rows_with_equal_values_keep_their_order_between_pages(
    reader: APIClient, track: Track
) -> None:
    for number in range(4):
        create_track(name=f"Same price {number}")

    pages = [
        reader.get(f"/api/tracks/?ordering=-unit_price&page_size=1&page={page}").json()
        for page in range(1, 6)
    ]

    keys = [page["results"][0]["id"] for page in pages]
    assert keys == sorted(keys)


def test_lists_are_filtered(reader: APIClient, track: Track) -> None:
    create_track(name="Cheap", unit_price="0.10", album_title="Bomber", genre_name="Rock")

    def names(query: str) -> list[str]:
        return [row["name"] for row in reader.get(f"/api/tracks/?{query}").json()["results"]]

    assert names("max_price=0.50") == ["Cheap"]
    assert names("min_price=0.50") == ["Ace of Spades"]
    assert names("name=ace") == ["Ace of Spades"]
    assert names(f"album={track.album_id}") == ["Ace of Spades"]
    assert names(f"genre={track.genre_id}") == ["Ace of Spades"]
    assert len(names(f"artist={track.album.artist_id}")) == 2
