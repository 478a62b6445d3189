"""Signed messages beside a library that knows nothing of signatures."""

import json
from collections.abc import Callable, Iterator

import pytest

from integration_tests import databases
from interoperability.pairs import (
    OUR_MASTER,
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
)
from local_stack.waiting import eventually

OpenPair = Callable[..., Pair]


@pytest.fixture
def open_pair(servers: Servers) -> Iterator[OpenPair]:
    opened: list[Pair] = []

    def open_pair(combination: Combination, *, required: bool) -> Pair:
        signing = {"keys": {"one": "a key of the tests, of 32 bytes."}, "required": required}
        opened.append(Pair(servers, combination, PEER_SIGNING=json.dumps(signing)))
        return opened[-1]

    yield open_pair
    for pair in opened:
        pair.close()


@pytest.mark.parametrize(
    ("combination", "required"),
    [
        (Combination(OUR_MASTER, THEIR_REPLICA), True),
        (Combination(THEIR_MASTER, OUR_REPLICA), False),
        pytest.param(Combination(OUR_MASTER, OUR_REPLICA), True, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_either_library_is_on_either_side_of_signed_messages(
    open_pair: OpenPair, combination: Combination, required: bool
) -> None:
    pair = open_pair(combination, required=required)

    pair.driver.perform("create_rows")

    filled = ("brand", "product", "tag", "announcement", "rate")
    pair.wait_until_equal(filled=filled, within_seconds=30)


def test_their_unsigned_messages_are_dead_letters_where_signatures_are_required(
    open_pair: OpenPair,
) -> None:
    pair = open_pair(Combination(THEIR_MASTER, OUR_REPLICA), required=True)

    pair.driver.perform("create_rows")

    def check() -> None:
        pair.check_drained()
        refused = databases.rows(
            pair.replica.database_url,
            "SELECT DISTINCT status FROM cqrs_inbox_parkedmessage WHERE reason LIKE %s",
            "UntrustedError: It is not signed%",
        )
        assert refused == [("dead",)]

    eventually(check, within_seconds=30)
    assert databases.value(pair.replica.database_url, "SELECT count(*) FROM copies_brand") == 0
