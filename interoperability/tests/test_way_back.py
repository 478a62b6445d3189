"""Services come to this library and go back to django-cqrs, by the documented commands."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration_tests import broker, databases
from interoperability.pairs import (
    OUR_MASTER,
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
    outbox_size,
    relay_of,
)
from interoperability.peers import Flavour, Peer
from local_stack.waiting import eventually

THEIRS = Combination(THEIR_MASTER, THEIR_REPLICA)
OURS = Combination(OUR_MASTER, OUR_REPLICA)

_SECONDS = 60
_OUR_TABLES = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'cqrs@_%' ESCAPE '@'"
_DEAD_LETTERS = "SELECT count(*) FROM cqrs_inbox_parkedmessage WHERE status = 'dead'"
_UNROUTABLE = "SELECT count(*) FROM cqrs_outbox_outboxmessage WHERE is_unroutable"


@pytest.fixture
def pair(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Pair]:
    # What fails once is a dead letter.
    pair = Pair(servers, request.param, PEER_MAX_RETRIES="0")
    yield pair
    pair.close()


def swap_replica(pair: Pair, flavour: Flavour) -> None:
    """Other code on the same rows, when the old worker has stopped."""
    pair.replica = replace(pair.replica, flavour=flavour)
    pair.replica.manage("check")
    pair.replica.manage("migrate", "-v", "0")
    if flavour is OUR_REPLICA:
        pair.replica.manage("cqrs_declare")
    pair.consumer = pair.replica.consumer(1)
    pair.consumer.start()


def swap_master(pair: Pair, flavour: Flavour) -> None:
    """Other code on the same rows, when nobody writes and the relay has stopped."""
    pair.master = replace(pair.master, flavour=flavour)
    pair.master.manage("check")
    pair.master.manage("migrate", "-v", "0")
    pair.relay = relay_of(pair.master)
    if pair.relay:
        pair.relay.start()
    pair.driver = pair.master.driver()


def drop_our_tables(service: Peer, app: str) -> None:
    assert databases.value(service.database_url, _OUR_TABLES) == 3  # with signs of life
    service.manage("migrate", app, "zero")
    assert databases.value(service.database_url, _OUR_TABLES) == 0


def rename_column(pair: Pair, old: str, new: str) -> None:
    statement = f"ALTER TABLE copies_brand RENAME COLUMN {old} TO {new}"
    databases.execute(pair.replica.database_url, statement)


def check_dead_letters(pair: Pair, count: int) -> None:
    assert databases.value(pair.replica.database_url, _DEAD_LETTERS) == count


def resend_what_differs(pair: Pair, cqrs_id: str) -> None:
    ours = pair.master.manage("cqrs_diff_master", "--cqrs-id", cqrs_id, "--filter", "{}")
    differing = pair.replica.manage("cqrs_diff_replica", stdin=ours)
    pair.master.manage("cqrs_diff_sync", stdin=differing)


@pytest.mark.parametrize(
    "pair", [Combination(THEIR_MASTER, THEIR_REPLICA)], indirect=True, ids=str
)
def test_a_replica_and_then_a_master_come_and_go_back(pair: Pair) -> None:
    # Given both on this library, and the queue that django-cqrs has declared
    pair.driver.perform("write_brands", numbers=[1, 2, 3], text="before")
    pair.wait_until_equal(filled=("brand",))
    pair.consumer.stop()
    swap_replica(pair, OUR_REPLICA)
    pair.driver.close()
    swap_master(pair, OUR_MASTER)
    pair.driver.perform("write_brands", numbers=[2, 4], text="with ours")
    pair.wait_until_equal(filled=("brand",), within_seconds=_SECONDS)

    # And messages that are parked, of which django-cqrs knows nothing
    rename_column(pair, "name", "its_name")
    pair.driver.perform("write_brands", numbers=[3, 5], text="parked")
    eventually(lambda: check_dead_letters(pair, 2), within_seconds=_SECONDS)
    dumped = pair.replica.manage("cqrs_dead_letters", "dump")
    assert dumped.count('"cqrs_id":"brand"') == 2, dumped

    # When the replica goes back, its tables of the inbox are dropped and the pipeline is run
    pair.consumer.stop()
    rename_column(pair, "its_name", "name")
    pair.driver.perform("write_brands", numbers=[1], text="in between")
    drop_our_tables(pair.replica, "cqrs_inbox")
    swap_replica(pair, THEIR_REPLICA)
    resend_what_differs(pair, "brand")

    # Then it has everything, and takes what is written now
    pair.driver.perform("write_brands", numbers=[4], text="after")
    pair.wait_until_equal(filled=("brand",), within_seconds=_SECONDS)

    # When the master goes back, with messages in its outbox that had no queue
    with broker.channel(pair.place.broker_url) as channel:
        channel.queue_unbind(pair.place.queue, pair.place.exchange, "tag")
    pair.driver.perform("create_tags")
    eventually(lambda: check_unroutable(pair, 2), within_seconds=_SECONDS)
    pair.driver.perform("write_brands", numbers=[6], text="the last one of ours")
    pair.driver.close()
    eventually(lambda: check_outbox_size(pair, 2), within_seconds=_SECONDS)
    assert pair.relay is not None
    pair.relay.stop()
    drop_our_tables(pair.master, "cqrs_outbox")
    swap_master(pair, THEIR_MASTER)

    # Then a sync brings what was unroutable, and django-cqrs goes on where it was
    pair.master.manage(
        *("cqrs_sync", "--cqrs-id", "tag", "--filter", "{}", "--queue", pair.place.queue)
    )
    pair.driver.perform("write_brands", numbers=[1, 7], text="with theirs")
    pair.wait_until_equal(filled=("brand", "tag"), within_seconds=_SECONDS)


def check_unroutable(pair: Pair, count: int) -> None:
    assert databases.value(pair.master.database_url, _UNROUTABLE) == count


def check_outbox_size(pair: Pair, count: int) -> None:
    assert outbox_size(pair.master) == count


@pytest.mark.parametrize("pair", [OURS], indirect=True, ids=str)
def test_a_queue_that_we_created_is_given_back_and_no_message_is_lost(pair: Pair) -> None:
    pair.driver.perform("write_brands", numbers=[1, 2, 3], text="before")
    assert pair.relay is not None
    eventually(lambda: check_outbox_size(pair, 0))

    # The relay is stopped, the outbox keeps what is written, our workers drain the queue.
    pair.relay.stop()
    pair.driver.perform("write_brands", numbers=[2, 4], text="meanwhile")
    eventually(lambda: check_unread(pair, 0))
    pair.consumer.stop()
    check_unread(pair, 0)
    place = pair.place
    broker.delete_queues(place.broker_url, place.queue, place.dead_letter_queue)
    swap_replica(pair, THEIR_REPLICA)
    eventually(lambda: check_unread(pair, 0), within_seconds=_SECONDS)
    check_outbox_size(pair, 2)
    pair.relay.start()

    pair.wait_until_equal(filled=("brand",), within_seconds=_SECONDS)


def check_unread(pair: Pair, count: int) -> None:
    assert broker.queue_depth(pair.place.broker_url, pair.place.queue) == count
