"""Messages that come twice, late and in any order: captured as published, and sent by hand."""

import random

from integration_tests import broker, databases
from integration_tests.clients import MasterClient
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import fill_shelf, unique
from integration_tests.stack import Stack
from integration_tests.tables import count_rows
from local_stack.waiting import eventually


def make_histories(master: MasterClient) -> int:
    """Histories that end in every possible way; returns how many messages they are."""
    shelf = fill_shelf(master, tracks=3)  # 7 messages
    changed, deleted, used_again = shelf.track_ids
    for price in ("1.09", "1.19", "1.29"):
        master.update("tracks", changed, unit_price=price)  # 6, with the history of the price
    master.update("tracks", deleted, name=unique("Track"))
    master.delete("tracks", deleted)
    master.update("tracks", used_again, name=unique("Track"))
    master.delete("tracks", used_again)
    master.create(
        "tracks",
        id=used_again,
        name=unique("Track"),
        album=shelf.album["id"],
        media_type=shelf.media_type["id"],
        unit_price="2.99",
    )
    master.update("artists", shelf.artist["id"], name=unique("Artist"))  # 1, and 2 tracks
    return 7 + 6 + 5 + 3


def capture(stack: Stack, master: MasterClient) -> list[broker.Published]:
    """What is published of new histories, of which the replica has got nothing."""
    stack.replica.consumer.stop()
    with broker.tap(stack.broker_url) as tap:
        expected = make_histories(master)

        def all_are_published() -> None:
            assert len(tap.read()) >= expected

        eventually(all_are_published)
        broker.purge(stack.broker_url, stack.replica.queue)
        assert len(tap.read()) == expected
        return tap.published


def send(stack: Stack, messages: list[broker.Published]) -> None:
    broker.publish_all(stack.broker_url, [(m.routing_key, m.body) for m in messages])


def test_messages_that_come_backwards_and_twice_end_in_the_last_state(
    stack: Stack, master: MasterClient
) -> None:
    messages = capture(stack, master)

    send(stack, [message for message in reversed(messages) for _ in range(2)])
    stack.replica.consumer.start()

    wait_until_settled(stack)


def test_messages_that_come_in_any_order_and_several_times_end_in_the_last_state(
    stack: Stack, master: MasterClient, rng: random.Random
) -> None:
    messages = capture(stack, master)
    stack.replica.consumer.start()

    shuffled = messages * 3
    rng.shuffle(shuffled)
    send(stack, shuffled)

    wait_until_settled(stack)


def test_everything_delivered_once_more_changes_nothing(
    stack: Stack, master: MasterClient
) -> None:
    messages = capture(stack, master)
    send(stack, messages)
    stack.replica.consumer.start()
    wait_until_settled(stack)
    ledger = "SELECT * FROM cqrs_inbox_ledgerentry ORDER BY cqrs_id, row_pk"
    before = databases.rows(stack.replica.database_url, ledger)
    rows_before = count_rows(stack.replica.database_url)

    send(stack, messages)

    wait_until_settled(stack)
    assert databases.rows(stack.replica.database_url, ledger) == before
    assert count_rows(stack.replica.database_url) == rows_before
