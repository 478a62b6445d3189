"""A backlog of hours: the relay drains it at the same size as ever, and writes do not wait."""

import json
import time
from pathlib import Path

import pytest

from integration_tests import broker, databases
from integration_tests.clients import MasterClient
from integration_tests.settling import outbox_size
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

_MESSAGES = 100_000
_KEY = "backlog"
_INSERT = """
    INSERT INTO cqrs_outbox_outboxmessage
        (cqrs_id, routing_key, body, headers, created_at, attempts, is_unroutable, last_error)
    SELECT %s, %s, convert_to(%s, 'utf8'), '{}', now(), 0, false, ''
    FROM generate_series(1, %s)
"""
_BODY = {
    "signal_type": "SAVE",
    "cqrs_id": _KEY,
    "instance_data": {"id": 1, "cqrs_revision": 0, "text": "x" * 700},
    "instance_pk": 1,
    "previous_data": None,
    "correlation_id": None,
    "expires": None,
    "retries": 0,
    "meta": {},
}


def megabytes(pid: int) -> float:
    """Memory that a process has in use."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_relay_drains_a_long_backlog_in_bounded_memory(
    stack: Stack, master: MasterClient
) -> None:
    url = stack.master.database_url
    relay = stack.master.relay
    with broker.channel(stack.broker_url) as channel:
        limits = {"x-max-length": 1000, "x-overflow": "drop-head"}
        queue = channel.queue_declare("", exclusive=True, arguments=limits).method.queue
        channel.queue_bind(queue, broker.EXCHANGE, _KEY)
        relay.pause()
        databases.execute(url, _INSERT, _KEY, _KEY, json.dumps(_BODY), _MESSAGES)
        started_at = time.monotonic()
        master.create("artists", name=unique("Artist"))
        assert time.monotonic() - started_at < 5, "a write waited for the backlog"
        sizes: list[float] = []
        relay.resume()

        def it_is_drained() -> None:
            left = outbox_size(stack)
            if left < _MESSAGES * 0.9:  # what a relay at work needs, it has by now
                sizes.append(megabytes(relay.pid))
            assert left == 0

        eventually(it_is_drained, within_seconds=400)

    assert len(sizes) > 5
    assert max(sizes) - sizes[0] < 20, sizes
