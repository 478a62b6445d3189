"""Messages that one library could not apply, finished by the other one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration_tests import broker, databases
from interoperability.pairs import (
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
)
from interoperability.peers import Peer
from local_stack.waiting import eventually

_SECONDS = 60


@pytest.fixture
def pair(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Pair]:
    retries = getattr(request, "param", "30")
    pair = Pair(servers, Combination(THEIR_MASTER, THEIR_REPLICA), PEER_MAX_RETRIES=retries)
    yield pair
    pair.close()


def break_brands(pair: Pair) -> None:
    """What a migration that is late does to a replica."""
    statement = "ALTER TABLE copies_brand RENAME COLUMN name TO its_name"
    databases.execute(pair.replica.database_url, statement)


def mend_brands(pair: Pair) -> None:
    statement = "ALTER TABLE copies_brand RENAME COLUMN its_name TO name"
    databases.execute(pair.replica.database_url, statement)


def change_over(pair: Pair) -> Peer:
    """Stop its replica, mend the database, and start ours on it."""
    pair.consumer.stop()
    mend_brands(pair)
    ours = replace(pair.replica, flavour=OUR_REPLICA)
    ours.manage("migrate", "-v", "0")
    pair.replica = ours
    pair.consumer = ours.consumer(2)
    pair.consumer.start()
    return ours


def dead_letters(pair: Pair) -> int | None:
    return broker.queue_depth(pair.place.broker_url, pair.place.dead_letter_queue)


def test_messages_that_it_requeued_are_applied_by_ours(pair: Pair) -> None:
    break_brands(pair)
    pair.driver.perform("write_brands", numbers=[1, 2, 3], text="late")

    def check_requeued() -> None:
        assert pair.consumer.log_since(0).count("CQRS is requeued") >= 3

    eventually(check_requeued, within_seconds=_SECONDS)
    change_over(pair)

    pair.wait_until_equal(_SECONDS)


@pytest.mark.parametrize("pair", ["0"], indirect=True, ids=["without retries"])
def test_its_dead_letters_are_retried_by_ours(pair: Pair) -> None:
    break_brands(pair)
    pair.driver.perform("write_brands", numbers=[1, 2, 3], text="dead")

    def check_dead() -> None:
        assert dead_letters(pair) == 3

    eventually(check_dead, within_seconds=_SECONDS)
    ours = change_over(pair)
    dumped = ours.manage("cqrs_dead_letters", "dump")
    assert dumped.count('"cqrs_id":"brand"') == 3, dumped
    ours.manage("cqrs_dead_letters", "retry")

    pair.wait_until_equal(_SECONDS)
    assert dead_letters(pair) == 0
