"""Playlists can be browsed."""

import itertools
from collections.abc import Sequence

import pytest
from rest_framework.test import APIClient

from tests.stream import deliver, deliver_row, deliver_track, message

pytestmark = pytest.mark.django_db


def test_a_playlist_is_browsed_with_its_tracks(api: APIClient) -> None:
    deliver_track()
    deliver_track(id=2, name="Bomber")
    deliver_row("playlist", id=1, name="Loud")
    deliver_row("playlist", id=2, name="Quiet")
    deliver_row("playlist_track", id=5, playlist=1, track=2)

    (playlist,) = api.get("/api/playlists/?name=lou").json()["results"]
    assert (playlist["name"], playlist["track_count"]) == ("Loud", 1)
    assert api.get("/api/playlists/2/").json()["track_count"] == 0
    (track,) = api.get("/api/playlists/1/tracks/").json()["results"]
    assert (track["id"], track["name"], track["previous_price"]) == (2, "Bomber", None)
    assert api.get("/api/playlists/9/tracks/").status_code == 404
    assert api.get("/api/playlist-tracks/?playlist_id=1").json()["count"] == 1
    assert api.get("/api/playlists/?ordering=-track_count").json()["results"][0]["id"] == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_entries_that_come_before_their_playlist_and_their_track_are_kept(
    order: Sequence[int], api: APIClient
) -> None:
    messages = [
        message("playlist", {"id": 1, "name": "Loud"}),
        message("playlist_track", {"id": 5, "playlist": 1, "track": 1}),
        message("playlist_track", {"id": 6, "playlist": 1, "track": 1}),
        message("playlist_track", {"id": 6}, revision=1, signal_type="DELETE"),
    ]
    for position in order:
        deliver(messages[position])
    deliver_track()

    assert api.get("/api/playlists/1/").json()["track_count"] == 1
    assert [row["id"] for row in api.get("/api/playlists/1/tracks/").json()["results"]] == [1]
