"""The same master and the same replica, each on either library: equal tables in the end."""

from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests import broker, databases
from interoperability.pairs import (
    OUR_DIRECT_MASTER,
    OUR_MASTER,
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
)
from local_stack.waiting import eventually

COMBINATIONS = (
    Combination(THEIR_MASTER, OUR_REPLICA),
    Combination(OUR_MASTER, THEIR_REPLICA),
    Combination(OUR_DIRECT_MASTER, THEIR_REPLICA),
)
#: One library on both sides: the first shows that the scripts ask nothing of django-cqrs that it
#: cannot do.
SAME_LIBRARY = (
    Combination(THEIR_MASTER, THEIR_REPLICA),
    Combination(OUR_MASTER, OUR_REPLICA),
    Combination(OUR_DIRECT_MASTER, OUR_REPLICA),
)


@pytest.fixture(
    scope="module",
    params=[
        *COMBINATIONS,
        *(pytest.param(combination, marks=pytest.mark.slow) for combination in SAME_LIBRARY),
    ],
    ids=str,
)
def pair(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = Pair(servers, request.param)
    yield pair
    pair.close()


def damage(pair: Pair, table: str = "product") -> None:
    """What an operator's slip would do to the replica's rows, seen by nobody."""
    column = {"product": "title", "rate": "value", "tag": "label"}[table]
    damaged = "value + 7" if table == "rate" else f"{column} || ' damaged'"
    statement = f"UPDATE copies_{table} SET {column} = {damaged}"
    assert databases.execute(pair.replica.database_url, statement) > 0


def product(pair: Pair, title: str) -> tuple[Any, Any]:
    """Previous values and metadata that came with the replica's last change of a product."""
    ((previous, meta),) = databases.rows(
        pair.replica.database_url,
        "SELECT previous, meta FROM copies_product WHERE title = %s",
        title,
    )
    return previous, meta


#: Scripts, and the tables in which each leaves rows.
SCRIPTS = {
    "create_rows": ("brand", "product", "tag", "announcement", "rate"),
    "update_some_fields": ("product",),
    "keep_at_home": ("product",),
    "write_in_transactions": ("brand", "product"),
    "roll_back": ("brand",),
    "write_orders": ("order",),
    "write_in_bulk": ("brand", "product"),
}
#: Where `sync_sample` leaves rows.
SAMPLE = ("product", "tag", "rate")


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_writes_ends_in_equal_tables(pair: Pair, script: str) -> None:
    pair.driver.perform(script)

    pair.wait_until_equal(filled=SCRIPTS[script])


def test_updates_bring_previous_values_under_the_replicas_names(pair: Pair) -> None:
    pair.driver.perform("update_rows")
    pair.wait_until_equal(filled=("brand", "product", "tag", "announcement"))

    meta = {"model": "Product", "signal": "SAVE"}
    assert product(pair, "new name") == (None, {**meta, "changed": []})
    assert product(pair, "branded") == ({"brand_code": None}, {**meta, "changed": ["brand"]})
    assert product(pair, "priced") == (
        {"amount": 10.0, "released_on": "2024-02-29", "title": "unpriced"},
        {**meta, "changed": ["name", "price", "released"]},
    )


def test_deletes_bring_their_custom_data(pair: Pair) -> None:
    pair.driver.perform("delete_rows")
    pair.wait_until_equal(filled=())

    departures = databases.rows(
        pair.replica.database_url, "SELECT custom, meta FROM copies_departure"
    )
    assert {custom["name"] for custom, _ in departures} == {
        "alone",
        "one of many 0",
        "one of many 1",
        "one of many 2",
        "goes with its brand",
    }
    assert all(meta["signal"] == "DELETE" for _, meta in departures)


def test_rows_with_a_uuid_as_their_key_are_deleted(pair: Pair) -> None:
    if pair.master.flavour is THEIR_MASTER:
        pytest.skip("django-cqrs raises after the commit, and sends nothing")
    pair.driver.perform("create_tags")
    pair.wait_until_equal(filled=("tag",))

    pair.driver.perform("delete_by_uuid")

    pair.wait_until_equal(filled=())
    query = "SELECT count(*) FROM copies_tag WHERE label LIKE 'goes%'"
    assert databases.value(pair.replica.database_url, query) == 0


def test_a_sync_of_the_rows_repairs_a_replica(pair: Pair) -> None:
    pair.driver.perform("sync_sample")
    pair.wait_until_equal(filled=SAMPLE)
    damage(pair)
    damage(pair, "tag")

    assert pair.driver.perform("sync_rows") > 0
    pair.wait_until_equal(filled=SAMPLE)


def test_the_sync_command_repairs_a_replica(pair: Pair) -> None:
    pair.driver.perform("sync_sample")
    pair.wait_until_equal(filled=SAMPLE)
    damage(pair)

    printed = pair.master.manage("cqrs_sync", "--cqrs-id", "product", "--filter", "{}")

    assert "synced" in printed
    pair.wait_until_equal(filled=SAMPLE)


def test_a_sync_to_one_queue_reaches_no_other(pair: Pair) -> None:
    pair.driver.perform("sync_sample")
    pair.wait_until_equal(filled=SAMPLE)
    damage(pair)
    url, exchange = pair.place.broker_url, pair.place.exchange
    with (
        broker.tap(url, "product", "tag", exchange=exchange) as everybody,
        broker.tap(url, "cqrs.elsewhere.#", exchange=exchange) as elsewhere,
    ):
        synced = pair.driver.perform("sync_rows", queue="elsewhere")
        pair.master.manage(
            *("cqrs_sync", "-cid", "product", "-f", '{"is_listed": true}'),
            *("--queue", pair.place.queue),
        )
        pair.wait_until_equal(filled=SAMPLE)
        assert everybody.read() == []
        assert {message["signal_type"] for message in elsewhere.read()} == {"SYNC"}
        assert len(elsewhere.read()) == synced


def test_a_replica_of_direct_syncs_ignores_the_others(pair: Pair) -> None:
    pair.driver.perform("sync_sample")
    pair.wait_until_equal(filled=SAMPLE)
    before = databases.rows(pair.replica.database_url, "SELECT value FROM copies_rate")
    damage(pair, "rate")

    pair.driver.perform("sync_rows")  # to everybody
    pair.driver.perform("write_brands", numbers=[0], text="a sign")

    def sign_has_come() -> None:
        query = "SELECT count(*) FROM copies_brand WHERE code = 'n00000'"
        assert databases.value(pair.replica.database_url, query) == 1
        assert broker.queue_depth(pair.place.broker_url, pair.place.queue) == 0

    eventually(sign_has_come)
    damaged = databases.rows(pair.replica.database_url, "SELECT value FROM copies_rate")
    assert damaged == [(value + 7,) for (value,) in before]

    pair.driver.perform("sync_rows", queue=pair.place.queue)
    if pair.replica.flavour is THEIR_REPLICA:
        # It ignores its own as well, so that the next change has to repair the row.
        pair.driver.perform("touch_rates")
    pair.wait_until_equal(filled=SAMPLE)
