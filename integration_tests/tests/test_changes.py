"""Every kind of change that the master's API knows, seen on the replica."""

import httpx
import pytest

from integration_tests import broker
from integration_tests.clients import Item, MasterClient, ReplicaClient
from integration_tests.settling import outbox_size, wait_until_settled
from integration_tests.shelf import fill_shelf, unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually


def the_row(replica: ReplicaClient, resource: str, pk: int) -> Item:
    row = replica.get(resource, pk)
    assert row is not None, f"{resource} {pk} is not on the replica"
    return row


def assert_outbox_is_empty(stack: Stack) -> None:
    assert outbox_size(stack) == 0


def test_a_created_track_is_read_from_the_replica_with_its_related_names(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    artist = unique("Motörhead")

    track = master.create(
        "tracks",
        name="Overkill",
        artist_name=artist,
        album_title="Overkill",
        genre_name=unique("Metal"),
        media_type_name=unique("FLAC"),
        composer='Kilmister, "Clarke" & Taylor 🤘',
        milliseconds=314_000,
        bytes=2**40,
        unit_price="0.99",
    )

    def is_on_the_replica() -> None:
        row = the_row(replica, "tracks", track["id"])
        assert (row["artist_name"], row["album_title"]) == (artist, "Overkill")
        assert row["composer"] == 'Kilmister, "Clarke" & Taylor 🤘'
        assert (row["unit_price"], row["bytes"]) == ("0.99", 2**40)
        assert (row["cqrs_revision"], row["previous_price"]) == (0, None)

    eventually(is_on_the_replica)
    wait_until_settled(stack)


def test_an_update_arrives_with_the_next_revision(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    shelf = fill_shelf(master)
    (track_id,) = shelf.track_ids

    master.update("tracks", track_id, name="Ace of Spades", genre=None)

    def is_updated() -> None:
        row = the_row(replica, "tracks", track_id)
        assert (row["name"], row["genre_name"], row["cqrs_revision"]) == ("Ace of Spades", "", 1)

    eventually(is_updated)
    wait_until_settled(stack)


def test_a_deleted_row_is_gone_from_the_replica(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    genre = master.create("genres", name=unique("Genre"))
    eventually(lambda: the_row(replica, "genres", genre["id"]))

    master.delete("genres", genre["id"])

    def is_gone() -> None:
        assert replica.get("genres", genre["id"]) is None

    eventually(is_gone)
    wait_until_settled(stack)


def test_deleting_an_artist_deletes_albums_tracks_and_prices_below_it(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    shelf = fill_shelf(master, tracks=3)
    master.reprice(shelf.track_ids, "1.29")
    wait_until_settled(stack)

    master.delete("artists", shelf.artist["id"])

    def all_are_gone() -> None:
        assert replica.get("artists", shelf.artist["id"]) is None
        assert replica.get("albums", shelf.album["id"]) is None
        for track_id in shelf.track_ids:
            assert replica.get("tracks", track_id) is None
            assert replica.find("price-changes", track_id=track_id) == []

    eventually(all_are_gone)
    wait_until_settled(stack)


def test_a_primary_key_that_is_used_again_wins_over_its_own_tombstone(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    first = master.create("artists", name=unique("First"))
    master.update("artists", first["id"], name=unique("First, renamed"))
    master.delete("artists", first["id"])
    second = unique("Second")

    master.create("artists", id=first["id"], name=second)

    def shows_the_second() -> None:
        assert the_row(replica, "artists", first["id"])["name"] == second

    eventually(shows_the_second)
    wait_until_settled(stack)


def test_bulk_created_rows_arrive(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    items = [{"name": unique("Artist")} for _ in range(600)]  # more than one batch

    created = master.bulk_create("artists", items)

    eventually(lambda: the_row(replica, "artists", created[-1]["id"]))
    wait_until_settled(stack)


def test_a_bulk_price_change_arrives_with_the_previous_prices_and_the_history(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    shelf = fill_shelf(master, tracks=20)

    master.reprice(shelf.track_ids, "1.29")

    def shows_both_prices() -> None:
        for track_id in shelf.track_ids:
            row = the_row(replica, "tracks", track_id)
            assert (row["unit_price"], row["previous_price"]) == ("1.29", "0.99")
            (change,) = replica.find("price-changes", track_id=track_id)
            assert (change["price_before"], change["price_after"]) == ("0.99", "1.29")

    eventually(shows_both_prices)
    wait_until_settled(stack)


def test_the_previous_price_stays_when_something_else_of_the_track_changes(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    (track_id,) = fill_shelf(master).track_ids
    master.update("tracks", track_id, unit_price="1.49")
    wait_until_settled(stack)

    master.update("tracks", track_id, name="Orgasmatron")

    def keeps_the_previous_price() -> None:
        row = the_row(replica, "tracks", track_id)
        assert row["name"] == "Orgasmatron"
        assert (row["unit_price"], row["previous_price"]) == ("1.49", "0.99")

    eventually(keeps_the_previous_price)


@pytest.mark.parametrize("related", ["artist", "album", "genre", "media_type"])
def test_renaming_a_related_row_reaches_the_tracks_that_show_it(
    stack: Stack, master: MasterClient, replica: ReplicaClient, related: str
) -> None:
    shelf = fill_shelf(master, tracks=3)
    resource, field, shown_as = {
        "artist": ("artists", "name", "artist_name"),
        "album": ("albums", "title", "album_title"),
        "genre": ("genres", "name", "genre_name"),
        "media_type": ("media-types", "name", "media_type_name"),
    }[related]
    name = unique("Renamed")

    master.update(resource, getattr(shelf, related)["id"], **{field: name})

    def all_tracks_show_it() -> None:
        for track_id in shelf.track_ids:
            assert the_row(replica, "tracks", track_id)[shown_as] == name

    eventually(all_tracks_show_it)
    wait_until_settled(stack)


def test_a_request_that_fails_leaves_nothing_on_the_replica_or_in_the_outbox(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    shelf = fill_shelf(master, tracks=2)
    wait_until_settled(stack)
    name = unique("Never")
    good = {"name": name, "album": shelf.album["id"], "media_type": shelf.media_type["id"]}

    with broker.tap(stack.broker_url) as tap:
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            master.bulk_create("tracks", [{**good, "unit_price": "1"}, {**good, "album": 0}])
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            master.reprice([*shelf.track_ids, 2**40], "7.77")
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            master.delete("genres", shelf.genre["id"])

        # A change that is seen proves that the failed ones before it had their chance.
        after = master.create("artists", name=unique("After"))
        eventually(lambda: the_row(replica, "artists", after["id"]))
        eventually(lambda: assert_outbox_is_empty(stack))
        assert {(m["cqrs_id"], m["instance_pk"]) for m in tap.read()} == {("artist", after["id"])}

    assert replica.find("tracks", search=name) == []
    wait_until_settled(stack)
