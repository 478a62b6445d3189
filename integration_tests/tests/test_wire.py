"""The master's half alone: what a client of the broker sees of a change."""

from datetime import datetime
from decimal import Decimal

from integration_tests import broker
from integration_tests.broker import Tap
from integration_tests.clients import MasterClient
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import fill_shelf, unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

KEYS = [
    "signal_type",
    "cqrs_id",
    "instance_data",
    "previous_data",
    "instance_pk",
    "correlation_id",
    "retries",
    "expires",
    "meta",
]


def wait_for(tap: Tap, cqrs_id: str, pk: int, *, count: int = 1) -> None:
    def has_come() -> None:
        assert len(tap.of_row(cqrs_id, pk)) == count

    eventually(has_come)


def test_a_change_is_published_with_the_nine_keys_of_the_contract(
    stack: Stack, master: MasterClient
) -> None:
    name = unique("Artist")
    with broker.tap(stack.broker_url, "artist") as tap:
        created = master.create("artists", name=name)
        wait_for(tap, "artist", created["id"])
        (message,) = tap.of_row("artist", created["id"])
        published = tap.published[-1]

    assert list(message) == KEYS
    assert (message["signal_type"], published.routing_key) == ("SAVE", "artist")
    assert message["instance_data"]["name"] == name
    assert message["instance_data"]["cqrs_revision"] == 0
    assert datetime.fromisoformat(message["instance_data"]["cqrs_updated"]).tzinfo is not None
    assert (message["expires"], message["retries"]) == (None, 0)
    assert published.headers == broker.MARKER


def test_a_delete_carries_the_next_revision_of_the_row(stack: Stack, master: MasterClient) -> None:
    with broker.tap(stack.broker_url, "genre") as tap:
        genre = master.create("genres", name=unique("Genre"))
        master.update("genres", genre["id"], name=unique("Genre"))
        master.delete("genres", genre["id"])
        wait_for(tap, "genre", genre["id"], count=3)
        messages = tap.of_row("genre", genre["id"])

    assert [message["signal_type"] for message in messages] == ["SAVE", "SAVE", "DELETE"]
    assert [message["instance_data"]["cqrs_revision"] for message in messages] == [0, 1, 2]
    assert set(messages[-1]["instance_data"]) == {"id", "cqrs_revision", "cqrs_updated"}


def test_one_request_sends_one_message_for_each_row_it_changed(
    stack: Stack, master: MasterClient
) -> None:
    shelf = fill_shelf(master, tracks=5)
    wait_until_settled(stack)
    with broker.tap(stack.broker_url, "track", "artist") as tap:
        master.update("artists", shelf.artist["id"], name=unique("Renamed"))
        wait_for(tap, "artist", shelf.artist["id"])
        for track_id in shelf.track_ids:
            wait_for(tap, "track", track_id)
        assert len(tap.read()) == 6


def test_a_new_price_is_published_with_the_price_before_it(
    stack: Stack, master: MasterClient
) -> None:
    (track_id,) = fill_shelf(master).track_ids
    wait_until_settled(stack)
    with broker.tap(stack.broker_url, "track") as tap:
        master.update("tracks", track_id, unit_price="12345678.91")
        wait_for(tap, "track", track_id)
        (message,) = tap.of_row("track", track_id)

    assert message["instance_data"]["unit_price"] == Decimal("12345678.91")
    assert message["previous_data"] == {"unit_price": Decimal("0.99")}
