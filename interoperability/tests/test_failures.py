"""Messages that one library could not apply, finished by the other one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from integration_tests import broker, databases
from interoperability.pairs import (
    OUR_LISTENER,
    OUR_REPLICA,
    THEIR_LISTENER,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
)
from interoperability.peers import Flavour, Peer
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


def change_over(pair: Pair, flavour: Flavour) -> Peer:
    """Stop its replica, mend the database, and start one of another library on it."""
    pair.consumer.stop()
    mend_brands(pair)
    pair.replica = replace(pair.replica, flavour=flavour)
    pair.replica.manage("migrate", "-v", "0")
    pair.consumer = pair.replica.consumer(1)
    pair.consumer.start()
    return pair.replica


def dead_letters(pair: Pair) -> int | None:
    return broker.queue_depth(pair.place.broker_url, pair.place.dead_letter_queue)


def check_dead_letters(pair: Pair, count: int) -> None:
    assert dead_letters(pair) == count


def test_messages_that_it_requeued_are_applied_by_ours(pair: Pair) -> None:
    break_brands(pair)
    pair.driver.perform("write_brands", numbers=[1, 2, 3], text="late")

    def check_requeued() -> None:
        assert pair.consumer.log_since(0).count("CQRS is requeued") >= 3

    eventually(check_requeued, within_seconds=_SECONDS)
    change_over(pair, OUR_REPLICA)

    pair.wait_until_equal(filled=("brand",), within_seconds=_SECONDS)


@pytest.mark.parametrize("pair", ["0"], indirect=True, ids=["without retries"])
def test_its_dead_letters_are_retried_by_ours(pair: Pair) -> None:
    break_brands(pair)
    pair.driver.perform("write_brands", numbers=[1, 2, 3], text="dead")
    eventually(lambda: check_dead_letters(pair, 3), within_seconds=_SECONDS)
    ours = change_over(pair, OUR_REPLICA)
    dumped = ours.manage("cqrs_dead_letters", "dump")
    assert dumped.count('"cqrs_id":"brand"') == 3, dumped
    ours.manage("cqrs_dead_letters", "retry")

    pair.wait_until_equal(filled=("brand",), within_seconds=_SECONDS)
    assert dead_letters(pair) == 0


@pytest.mark.parametrize(
    "first", [OUR_LISTENER, pytest.param(THEIR_LISTENER, marks=pytest.mark.slow)], ids=str
)
def test_dead_letters_in_the_broker_are_retried_by_the_other_library(
    servers: Servers, tmp_path: Path, first: Flavour
) -> None:
    """A service without a database has no inbox: the broker keeps its dead letters."""
    second = THEIR_LISTENER if first is OUR_LISTENER else OUR_LISTENER
    notebook = tmp_path / "directory" / "notebook"
    pair = Pair(
        *(servers, Combination(THEIR_MASTER, first)),
        PEER_MAX_RETRIES="0",
        PEER_QUEUE_TYPE="classic",  # which django-cqrs takes over
        PEER_NOTEBOOK=str(notebook),
    )
    try:
        pair.driver.perform("announce", texts=["we open", "we close"])
        eventually(lambda: check_dead_letters(pair, 2), within_seconds=_SECONDS)
        pair.consumer.stop()
        notebook.parent.mkdir()
        pair.replica = replace(pair.replica, flavour=second)
        pair.consumer = pair.replica.consumer(1)
        pair.consumer.start()

        dumped = pair.replica.manage("cqrs_dead_letters", "dump")
        retried = pair.replica.manage("cqrs_dead_letters", "retry")

        for text in ("we open", "we close"):
            assert (dumped.count(text), retried.count(text)) == (1, 1), (dumped, retried)
        eventually(lambda: check_notebook(notebook, {"we open", "we close"}))
        check_dead_letters(pair, 0)
    finally:
        pair.close()


def check_notebook(notebook: Path, lines: set[str]) -> None:
    assert set(notebook.read_text().splitlines()) == lines
