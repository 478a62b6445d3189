"""Messages that nobody can apply: each is kept with its reason, and none harms the others."""

import json
from typing import Any

from integration_tests import broker, databases
from integration_tests.clients import MasterClient, ReplicaClient
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

#: A key that no test's row has.
PK = 2_000_000_000
UPDATED = "2026-11-23 18:44:37.955405+00:00"


def message(**changes: Any) -> bytes:
    whole = {
        "signal_type": "SAVE",
        "cqrs_id": "artist",
        "instance_data": {"id": PK, "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED},
        "previous_data": None,
        "instance_pk": PK,
        "correlation_id": None,
        "retries": 0,
        "expires": None,
        "meta": {},
    }
    return json.dumps({**whole, **changes}).encode()


def artist(**changes: Any) -> bytes:
    data = {"id": PK, "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED}
    return message(instance_data={**data, **changes})


#: No retry can mend these.
HOPELESS = {
    "nothing": b"",
    "no JSON": b"certainly not JSON",
    "no UTF-8": b"\xff\xfe\x00",
    "half a message": message()[:40],
    "a list": b"[]",
    "null": b"null",
    "nested too deeply": b"[" * 100_000 + b"]" * 100_000,
    "an empty object": b"{}",
    "no such signal": message(signal_type="EXPLODE"),
    "data that is a list": message(instance_data=[1, 2]),
    "data that is missing": message(instance_data=None),
    "no key": message(instance_pk=None, instance_data={"name": "x"}),
    "a revision that is a word": artist(cqrs_revision="one"),
    "no revision": artist(cqrs_revision=None),
    "a time that is none": artist(cqrs_updated="yesterday"),
    "a revision that is too large": artist(cqrs_revision=2**70),
}
#: The model, the database or the service refuses these, which a deployment may mend: tried again.
REFUSED = {
    "a field that is missing": message(
        instance_data={"id": PK, "cqrs_revision": 0, "cqrs_updated": UPDATED}
    ),
    "no such model": message(cqrs_id="no_such_model"),
    "a name that is too long": artist(name="x" * 201),
    "a name that is null": artist(name=None),
    "a name with a NUL": artist(name="x\x00"),
    "a key that is a word": message(
        instance_pk="word",
        instance_data={"id": "word", "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED},
    ),
    "a key that is too large": message(
        instance_pk=2**70,
        instance_data={"id": 2**70, "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED},
    ),
    "a track without its album": message(cqrs_id="track"),
}


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
