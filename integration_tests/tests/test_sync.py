"""`cqrs_sync`: full state on demand, for a replica that differs or that is new."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from integration_tests import broker, databases
from integration_tests.clients import MasterClient
from integration_tests.services import Replica
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from integration_tests.syncing import sync_everything_to
from integration_tests.writer import Writer


@contextmanager
def late_replica(stack: Stack) -> Iterator[Replica]:
    """A replica that joins when the master has long been at work."""
    replica = stack.new_replica(f"late_{uuid4().hex[:8]}")
    replica.manage("cqrs_declare")
    replica.consumer.start()
    try:
        yield replica
    finally:
        replica.consumer.kill()
        broker.delete_queues(stack.broker_url, replica.queue, replica.dead_letter_queue)


def test_a_sync_repairs_rows_that_differ_and_rows_that_are_missing(
    stack: Stack, master: MasterClient
) -> None:
    artists = master.bulk_create("artists", [{"name": unique("Artist")} for _ in range(3)])
    wait_until_settled(stack)
    same, differs, missing = (row["id"] for row in artists)
    replica_url = stack.replica.database_url
    databases.execute(
        replica_url, "UPDATE storefront_artist SET name = 'drift' WHERE id = %s", differs
    )
    databases.execute(replica_url, "DELETE FROM storefront_artist WHERE id = %s", missing)

    pks = json.dumps({"id__in": [same, differs, missing]})
    printed = stack.master.manage("cqrs_sync", "--cqrs-id", "artist", "--filter", pks)

    assert "3 instance(s) synced." in printed
    wait_until_settled(stack)


def test_a_replica_that_joins_under_load_gets_everything_by_a_sync_to_its_queue_alone(
    stack: Stack, rng: random.Random
) -> None:
    with (
        late_replica(stack) as replica,
        broker.tap(stack.broker_url, f"cqrs.{replica.queue}.*") as direct,
        broker.tap(stack.broker_url, "*") as public,
    ):
        with Writer(stack.master.url, rng, threads=1) as writer:
            writer.wait_for_writes(20)
            sync_everything_to(stack.master, replica)
            writer.wait_for_writes(20)

        wait_until_settled(stack, replica)
        wait_until_settled(stack)
        assert {message["signal_type"] for message in direct.read()} == {"SYNC"}
        assert "SYNC" not in {message["signal_type"] for message in public.read()}
