"""What leaves the service: every change is in the outbox, in the transaction of the change."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from master_service import entities
from master_service.catalogue import services
from master_service.catalogue.models import Artist, Genre, Track
from tests.conftest import create_track
from tests.outbox import summary, taken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stored(transactional_db: None) -> Track:
    """A track whose creation has been sent already."""
    track = create_track(milliseconds=169_000, composer="Kilmister")
    taken()
    return track


def test_a_post_records_every_row_that_it_created(api: APIClient) -> None:
    response = api.post(
        "/api/tracks/",
        {
            "name": "Ace of Spades",
            "artist_name": "Motörhead",
            "album_title": "Ace of Spades",
            "media_type_name": "MPEG",
            "genre_name": "Metal",
            "unit_price": "0.99",
        },
    )

    assert response.status_code == 201
    assert summary(taken()) == [
        ("SAVE", "album", 0),
        ("SAVE", "artist", 0),
        ("SAVE", "genre", 0),
        ("SAVE", "media_type", 0),
        ("SAVE", "track", 0),
    ]


def test_a_track_is_sent_with_the_rows_beside_it(stored: Track) -> None:
    stored.save()

    (message,) = taken()
    data = message["instance_data"]
    assert data.pop("cqrs_updated")
    assert data.pop("unit_price").text == "0.99"
    assert data == {
        "id": stored.pk,
        "name": "Ace of Spades",
        "album": {"id": stored.album_id, "title": "Ace of Spades"},
        "artist": {"id": stored.album.artist_id, "name": "Motörhead"},
        "genre": {"id": stored.genre_id, "name": "Metal"},
        "media_type": {"id": stored.media_type_id, "name": "MPEG audio file"},
        "composer": "Kilmister",
        "milliseconds": 169_000,
        "bytes": None,
        "cqrs_revision": 1,
    }


def test_a_new_price_is_sent_with_the_one_before_and_with_its_history(stored: Track) -> None:
    services.track_update(track_id=stored.pk, changes={"unit_price": "1.29"})

    messages = {message["cqrs_id"]: message for message in taken()}
    assert messages.keys() == {"track", "price_change"}
    assert messages["track"]["previous_data"]["unit_price"].text == "0.99"
    assert messages["track"]["instance_data"]["unit_price"].text == "1.29"
    assert messages["price_change"]["instance_data"]["old_price"].text == "0.99"
    assert messages["price_change"]["instance_data"]["track"] == stored.pk


def test_a_bulk_change_of_prices_sends_each_track_once_with_its_own_history(
    stored: Track,
) -> None:
    other = create_track(name="Bomber", unit_price="2.00")
    taken()

    services.tracks_reprice(track_ids=[stored.pk, other.pk], unit_price=stored.unit_price + 1)

    messages = taken()
    assert summary(messages) == [
        ("SAVE", "price_change", 0),
        ("SAVE", "price_change", 0),
        ("SAVE", "track", 1),
        ("SAVE", "track", 1),
    ]
    previous = [m["previous_data"]["unit_price"].text for m in messages if m["cqrs_id"] == "track"]
    assert sorted(previous) == ["0.99", "2.00"]


def test_renaming_an_artist_sends_the_tracks_that_show_the_name(
    api: APIClient, stored: Track
) -> None:
    artist = Artist.objects.get()

    api.patch(f"/api/artists/{artist.pk}/", {"name": "Lemmy"})

    messages = {message["cqrs_id"]: message for message in taken()}
    assert messages.keys() == {"artist", "track"}
    assert messages["track"]["instance_data"]["artist"]["name"] == "Lemmy"
    assert messages["track"]["instance_data"]["cqrs_revision"] == 1


def test_deleting_an_album_sends_every_row_that_went(api: APIClient, stored: Track) -> None:
    services.track_update(track_id=stored.pk, changes={"unit_price": "1.29"})
    taken()

    api.delete(f"/api/albums/{stored.album_id}/")

    assert summary(taken()) == [
        ("DELETE", "album", 1),
        ("DELETE", "price_change", 1),
        ("DELETE", "track", 2),
    ]


def test_a_bulk_creation_sends_each_row(api: APIClient) -> None:
    api.post("/api/genres/bulk/", [{"name": "Rock"}, {"name": "Jazz"}])

    assert [m["instance_data"]["name"] for m in taken()] == ["Rock", "Jazz"]


def test_payloads_of_many_tracks_are_read_without_a_query_for_each(stored: Track) -> None:
    def queries_of_reprice(price: str) -> int:
        keys = list(Track.objects.values_list("pk", flat=True))
        with CaptureQueriesContext(connection) as queries:
            services.tracks_reprice(track_ids=keys, unit_price=Decimal(price))
        return len(queries)

    of_one = queries_of_reprice("3.00")
    for number in range(30):
        create_track(name=f"Track {number}", album_title=f"Album {number}")

    assert queries_of_reprice("4.00") == of_one


@pytest.mark.parametrize(
    ("resource", "body"),
    [("genres", {"name": "Metal"}), ("genres/bulk", [{"name": "New"}, {"name": "Metal"}])],
)
def test_a_request_that_is_refused_sends_nothing(
    api: APIClient, stored: Track, resource: str, body: Any
) -> None:
    assert api.post(f"/api/{resource}/", body).status_code == 400

    assert taken() == []


def test_a_use_case_that_is_rolled_back_by_its_caller_sends_nothing(stored: Track) -> None:
    def fail_after_the_change() -> None:
        with transaction.atomic():
            entities.entity_create(model=Genre, values={"name": "Jazz"})
            services.track_update(track_id=stored.pk, changes={"unit_price": "1.29"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_the_change()

    assert taken() == []
    assert not Genre.objects.filter(name="Jazz").exists()
