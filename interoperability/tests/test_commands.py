"""Pipelines of commands, one end on each library: their formats are the contract."""

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
    pair.driver.perform("sync_sample")
    pair.wait_until_equal()
    return pair


def on_replica(pair: Pair, statement: str) -> None:
    databases.execute(pair.replica.database_url, statement)


def test_rows_that_differ_are_found_and_sent_again(filled: Pair) -> None:
    pair = filled
    on_replica(pair, "UPDATE copies_product SET title = '?', cqrs_revision = cqrs_revision - 1")
    on_replica(pair, "DELETE FROM copies_product WHERE id = (SELECT max(id) FROM copies_product)")

    mine = pair.master.manage("cqrs_diff_master", "--cqrs-id", "product", "--filter", "{}")
    differing = pair.replica.manage("cqrs_diff_replica", stdin=mine)
    sent = pair.master.manage("cqrs_diff_sync", stdin=differing)

    assert differing.splitlines()[0].endswith(f",{pair.place.queue}")
    assert "Done!" in sent
    pair.wait_until_equal()


def test_rows_that_the_master_deleted_are_found_and_deleted(filled: Pair) -> None:
    pair = filled
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

    pair.wait_until_equal()


def test_a_dump_of_one_is_loaded_by_the_other(filled: Pair, tmp_path: Path) -> None:
    pair = filled
    dump = tmp_path / "brand.dump"
    on_replica(pair, "UPDATE copies_brand SET name = 'before the dump'")

    pair.master.manage("cqrs_bulk_dump", "--cqrs-id", "brand", "--output", str(dump))
    loaded = pair.replica.try_to_manage("cqrs_bulk_load", "-i", str(dump), "--clear", "true")

    assert "12 instance(s) loaded" in loaded.stdout + loaded.stderr
    pair.wait_until_equal()
