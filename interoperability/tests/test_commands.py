"""Pipelines of commands, one end on each library: their formats are the contract."""

import json
from collections.abc import Iterator
from pathlib import Path

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

COMBINATIONS = (
    Combination(THEIR_MASTER, OUR_REPLICA),
    Combination(OUR_MASTER, THEIR_REPLICA),
)


@pytest.fixture(scope="module", params=COMBINATIONS, ids=str)
def pair(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = Pair(servers, request.param)
    yield pair
    pair.close()


@pytest.fixture
def filled(pair: Pair) -> Pair:
    pair.driver.perform("write_brands", numbers=list(range(12)), text="brand")
    for _ in range(3):
        pair.driver.perform("sync_sample")
    pair.wait_until_equal(filled=("brand", "product", "tag", "rate"))
    return pair


def on_replica(pair: Pair, statement: str) -> int:
    return databases.execute(pair.replica.database_url, statement)


def product_ids(pair: Pair) -> list[int]:
    query = "SELECT id FROM copies_product ORDER BY id"
    return [row[0] for row in databases.rows(pair.replica.database_url, query)]


def keys(printed: str) -> list[int]:
    """Keys in the output of a diff command: lists in JSON, below a header."""
    return sorted(pk for line in printed.splitlines()[1:] for pk in json.loads(line))


def test_rows_that_differ_are_found_and_sent_again(filled: Pair) -> None:
    pair = filled
    ids = product_ids(pair)
    damage = "UPDATE copies_product SET title = '?', cqrs_revision = cqrs_revision - 1"
    assert on_replica(pair, damage) == len(ids) >= 3
    assert on_replica(pair, f"DELETE FROM copies_product WHERE id = {ids[-1]}") == 1

    mine = pair.master.manage("cqrs_diff_master", "--cqrs-id", "product", "--filter", "{}")
    differing = pair.replica.manage("cqrs_diff_replica", stdin=mine)
    sent = pair.master.manage("cqrs_diff_sync", stdin=differing)

    assert differing.splitlines()[0].endswith(f",{pair.place.queue}")
    assert keys(differing) == ids
    assert "Done!" in sent
    pair.wait_until_equal(filled=("product",))


def test_rows_that_the_master_deleted_are_found_and_deleted(filled: Pair) -> None:
    pair = filled
    ids = product_ids(pair)
    on_replica(
        pair,
        """
        INSERT INTO copies_product (id, title, stock, cqrs_revision, cqrs_updated)
        VALUES (900001, 'left over', 0, 3, '2024-01-01'), (900002, 'as well', 0, 0, '2024-01-01')
        """,
    )

    held = pair.replica.manage("cqrs_deleted_diff_replica", "-cid", "product", "-f", "{}")
    gone = pair.master.manage("cqrs_deleted_diff_master", stdin=held)
    pair.replica.manage("cqrs_deleted_sync_replica", stdin=gone)

    assert keys(held) == [*ids, 900001, 900002]
    assert keys(gone) == [900001, 900002]
    pair.wait_until_equal(filled=("product",))
    assert product_ids(pair) == ids


def test_a_dump_of_one_is_loaded_by_the_other(filled: Pair, tmp_path: Path) -> None:
    pair = filled
    dump = tmp_path / "brand.dump"
    assert on_replica(pair, "UPDATE copies_brand SET name = 'before the dump'") == 12

    pair.master.manage("cqrs_bulk_dump", "--cqrs-id", "brand", "--output", str(dump))
    loaded = pair.replica.try_to_manage("cqrs_bulk_load", "-i", str(dump), "--clear", "true")

    assert "12 instance(s) loaded" in loaded.stdout + loaded.stderr
    pair.wait_until_equal(filled=("brand",))
