"""Messages that nobody can apply: each is kept with its reason, and none harms the others."""

from typing import Any

from faults.poison import HOPELESS, PK, REFUSED
from integration_tests import broker, databases
from integration_tests.clients import MasterClient, ReplicaClient
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually


def parked(stack: Stack) -> list[tuple[Any, ...]]:
    return databases.rows(
        stack.replica.database_url, "SELECT status, reason, body FROM cqrs_inbox_parkedmessage"
    )


def test_poison_is_kept_with_its_reason_and_no_worker_dies_of_it(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    workers = eventually(lambda: both_workers(stack))

    poison = {**HOPELESS, **REFUSED}
    broker.publish(stack.broker_url, "artist", *poison.values())

    def all_are_kept() -> None:
        kept = {bytes(body): (status, reason) for status, reason, body in parked(stack)}
        missing = [name for name, body in poison.items() if body not in kept]
        assert not missing, f"not kept: {missing}"
        fates = {name: kept[body][0] for name, body in poison.items()}
        assert {fates[name] for name in HOPELESS} == {"dead"}, fates
        assert {fates[name] for name in REFUSED} == {"retrying"}, fates
        assert all(reason for _, reason in kept.values())
        assert len(kept) == len(poison)

    eventually(all_are_kept, within_seconds=60)
    created = master.create("artists", name=unique("After the poison"))
    eventually(lambda: assert_is_there(replica, created["id"]))
    assert both_workers(stack) == workers
    assert replica.get("artists", PK) is None
    assert broker.queue_depth(stack.broker_url, stack.replica.dead_letter_queue) == 0

    databases.execute(stack.replica.database_url, "DELETE FROM cqrs_inbox_parkedmessage")


def both_workers(stack: Stack) -> list[int]:
    workers = sorted(stack.replica.consumer.workers)
    assert len(workers) == 2
    return workers


def assert_is_there(replica: ReplicaClient, artist_id: int) -> None:
    assert replica.get("artists", artist_id) is not None
