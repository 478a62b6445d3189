"""Messages of the master become the storefront's rows, through the consumer's own path."""

import itertools
from collections.abc import Sequence
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.outcome import Outcome
from replica_service.storefront import services
from replica_service.storefront.models import Album, Artist, Genre, MediaType, PriceChange, Track
from tests.stream import (
    deliver,
    deliver_row,
    deliver_track,
    message,
    price_change_data,
    track_data,
)

pytestmark = pytest.mark.django_db


def test_a_track_becomes_one_flat_row() -> None:
    deliver_track()

    track = Track.objects.get()
    assert (track.name, track.composer) == ("Ace of Spades", "Kilmister")
    assert (track.album_id, track.album_title) == (11, "Ace of Spades")
    assert (track.artist_id, track.artist_name) == (21, "Motörhead")
    assert (track.genre_id, track.genre_name) == (31, "Metal")
    assert track.media_type_name == "MPEG audio file"
    assert (track.milliseconds, track.bytes) == (169_000, 4_000_000_000)
    assert track.unit_price == Decimal("0.99")
    assert track.search_text == "ace of spades motorhead ace of spades"


def test_a_track_without_a_genre_is_applied() -> None:
    deliver_track(genre=None, milliseconds=None, bytes=None)

    track = Track.objects.get()
    assert (track.genre_id, track.genre_name) == (None, "")


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))))
def test_the_price_before_the_last_change_is_shown_whatever_the_order(
    order: Sequence[int], api: APIClient
) -> None:
    history = [
        message("track", track_data(unit_price=1.29), revision=1, previous={"unit_price": 0.99}),
        message("price_change", price_change_data()),
        message("track", track_data(unit_price=1.19), revision=2, previous={"unit_price": 1.29}),
        message("price_change", price_change_data(id=2, old_price=1.29, new_price=1.19)),
        message("track", track_data(unit_price=1.19, name="Renamed"), revision=3, previous={}),
    ]

    for position in order:
        deliver(history[position])

    assert Track.objects.get().name == "Renamed"
    assert shown_prices(api) == ("1.19", "1.29", True)


@pytest.mark.parametrize("is_track_first", [True, False])
def test_a_sync_brings_the_price_before(is_track_first: bool, api: APIClient) -> None:
    rows = [
        message("track", track_data(unit_price=1.29), revision=7, signal_type="SYNC"),
        message("price_change", price_change_data(), signal_type="SYNC"),
    ]

    for row in rows if is_track_first else reversed(rows):
        deliver(row)

    assert shown_prices(api) == ("1.29", "0.99", False)


def test_a_track_whose_price_never_changed_has_no_price_before(api: APIClient) -> None:
    deliver_track()
    deliver_row("price_change", **price_change_data(track=2))

    assert shown_prices(api) == ("0.99", None, False)


def shown_prices(api: APIClient) -> tuple[str, str | None, bool]:
    """A track's price, the one before, and whether the filter takes it for reduced."""
    reduced, others = (
        api.get(f"/api/tracks/?is_reduced={value}").json()["count"] for value in ("true", "false")
    )
    assert reduced + others == 1
    track = api.get("/api/tracks/1/").json()
    return track["unit_price"], track["previous_price"], bool(reduced)


def test_the_storefronts_own_column_survives_every_message() -> None:
    deliver_track()
    assert services.tracks_feature(track_ids=[1], is_featured=True) == 1

    deliver_track(revision=1, name="Renamed")

    assert Track.objects.get().is_featured


@pytest.mark.parametrize(
    ("cqrs_id", "model"), [("artist", Artist), ("genre", Genre), ("media_type", MediaType)]
)
def test_a_named_row_is_created_changed_and_deleted(cqrs_id: str, model: type[Artist]) -> None:
    deliver_row(cqrs_id, id=5, name="First")
    deliver_row(cqrs_id, id=5, name="Second", revision=1)
    assert model.objects.get(pk=5).name == "Second"

    deliver(message(cqrs_id, {"id": 5}, revision=2, signal_type="DELETE"))
    assert not model.objects.exists()


def test_an_album_may_arrive_before_its_artist() -> None:
    deliver_row("album", id=11, title="Ace of Spades", artist=21)

    assert Album.objects.get().artist_id == 21


def test_a_price_change_gets_the_storefronts_names() -> None:
    deliver_row("price_change", **price_change_data())

    change = PriceChange.objects.get()
    assert change.track_id == 1
    assert (change.price_before, change.price_after) == (Decimal("0.99"), Decimal("1.29"))
    assert change.changed_at.isoformat() == "2026-11-23T18:44:37.955405+00:00"


def test_deleting_an_artist_leaves_other_rows_to_their_own_messages() -> None:
    deliver_row("artist", id=21, name="Motörhead")
    deliver_row("album", id=11, title="Ace of Spades", artist=21)

    deliver(message("artist", {"id": 21}, revision=1, signal_type="DELETE"))

    assert Album.objects.exists()


def test_messages_in_the_wrong_order_end_in_the_last_state() -> None:
    history = [
        message("track", track_data(), revision=0),
        message("track", track_data(name="Second"), revision=1),
        message("track", track_data(name="Third"), revision=2),
    ]

    deliver(history[2])
    outcomes = deliver(history[0], history[1], history[2])

    assert Outcome.APPLIED not in outcomes
    assert Track.objects.get().name == "Third"


def test_a_late_message_does_not_bring_a_deleted_track_back() -> None:
    late = message("track", track_data(name="Late"), revision=1)
    deliver_track()
    deliver(message("track", {"id": 1}, revision=2, signal_type="DELETE"))

    assert deliver(late) == [Outcome.STALE]
    assert not Track.objects.exists()


def test_a_payload_that_does_not_fit_is_parked_and_the_others_are_applied() -> None:
    broken = track_data(id=2)
    del broken["artist"]

    deliver(
        message("track", broken),
        message("track", track_data(id=3)),
        message("genre", {"id": 1, "name": "x" * 10}),
    )

    assert list(Track.objects.values_list("pk", flat=True)) == [3]
    assert Genre.objects.exists()
    assert ParkedMessage._default_manager.count() == 1
