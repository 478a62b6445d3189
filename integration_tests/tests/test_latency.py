"""How long a reader waits for a change: printed for people, never judged."""

import statistics
import sys
import time

import pytest

from integration_tests.clients import MasterClient, ReplicaClient
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

_SAMPLES = 20
_WITHIN_SECONDS = 30


def test_the_idle_latency_from_a_post_to_its_get_is_printed(
    stack: Stack,
    master: MasterClient,
    replica: ReplicaClient,
    capsys: pytest.CaptureFixture[str],
) -> None:
    latencies = sorted(measure(master, replica) for _ in range(_SAMPLES))

    median, worst = statistics.median(latencies), latencies[-1]
    with capsys.disabled():
        sys.stdout.write(f"\nPOST to GET: {median * 1000:.0f} ms, worst {worst * 1000:.0f} ms\n")


def measure(master: MasterClient, replica: ReplicaClient) -> float:
    """Seconds from the master's answer until the replica has the row."""
    artist = master.create("artists", name=unique("Artist"))
    answered = time.monotonic()

    def is_there() -> None:
        assert replica.get("artists", artist["id"]) is not None

    eventually(is_there, within_seconds=_WITHIN_SECONDS)
    return time.monotonic() - answered
