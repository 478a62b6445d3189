"""A long backlog: what is asked of it stays cheap, and memory does not grow with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dj_cqrs import health
from dj_cqrs.outbox import claims
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome

pytestmark = pytest.mark.django_db(transaction=True)

_INSERT = """
INSERT INTO cqrs_outbox_outboxmessage
    (cqrs_id, routing_key, body, headers, created_at, attempts, due_at, is_unroutable, last_error)
SELECT 'author', 'author', %s, '{{}}', now(), 0, {due}, {unroutable}, ''
FROM generate_series(1, %s)
"""


def _fill(count: int, *, due: str = "NULL", unroutable: str = "false", body: bytes = b"x") -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(due=due, unroutable=unroutable), [body, count])
        cursor.execute("ANALYZE cqrs_outbox_outboxmessage")


def _plans(queries: Sequence[Any]) -> list[str]:
    plans = []
    with connection.cursor() as cursor:
        for query in queries:
            if query["sql"].startswith("SELECT") and "outboxmessage" in query["sql"]:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans


@pytest.mark.postgres
def test_claims_find_what_is_due_by_an_index_among_any_number_of_others() -> None:
    _fill(100_000, due="now() + interval '1 hour'", unroutable="true")
    _fill(300, due="now() - interval '1 hour'")
    _fill(200)

    with (
        CaptureQueriesContext(connection) as queries,
        claims.claim("default", 500, 10**6) as found,
    ):
        assert len(found) == 500

    now, later, _ = _plans(queries.captured_queries)
    assert "cqrs_outbox_due_now" in now
    assert "cqrs_outbox_due_later" in later


@pytest.mark.postgres
def test_health_looks_at_a_long_backlog_by_indexes() -> None:
    _fill(100_000, due="now() + interval '1 hour'", unroutable="true")
    _fill(100_000)

    with CaptureQueriesContext(connection) as queries:
        (outbox,) = (check for check in health.report().checks if check.name == "outbox")

    assert outbox.figures["waiting"] == outbox.figures["unroutable"] == 10_001  # and no further
    oldest, oldest_refused, *counts = _plans(queries.captured_queries)
    assert "cqrs_outbox_due_now" in oldest
    assert "cqrs_outbox_refused" in oldest_refused
    assert len(counts) == 3
    assert all("Limit" in plan for plan in counts)


class _Measuring:
    """A broker that takes everything, and looks how large this process is."""

    def __init__(self) -> None:
        self.megabytes: list[float] = []

    def publish(
        self, messages: Sequence[OutgoingMessage], *, timeout_seconds: float
    ) -> list[PublishOutcome]:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        self.megabytes.append(int(line.split()[1]) / 1024)
        return [PublishOutcome.CONFIRMED] * len(messages)

    def wait(self, seconds: float) -> None: ...

    def close(self) -> None: ...


@pytest.mark.postgres
def test_memory_does_not_grow_with_the_backlog() -> None:
    """100 messages of 1 MB: read as one batch of 500 they would be all in memory."""
    _fill(100, body=b"x" * 1_000_000)
    publisher = _Measuring()
    relay = Relay(publisher, using="default", batch_size=500)

    while relay.relay_batch():
        pass

    assert not OutboxMessage.objects.exists()
    assert len(publisher.megabytes) == 7
    assert max(publisher.megabytes) - publisher.megabytes[0] < 40
