"""When a stack is at rest, and whether everything is where it belongs then."""

import json

from integration_tests import broker, databases
from integration_tests.services import Replica
from integration_tests.stack import Stack
from integration_tests.tables import assert_equal_tables
from local_stack.waiting import eventually

#: After faults, several back-offs may have to end one after the other, on a busy machine.
SETTLE_SECONDS = 120

_OUTBOX = "SELECT count(*) FROM cqrs_outbox_outboxmessage WHERE NOT is_unroutable"
_PARKED = """
    SELECT status, cqrs_id, row_pk, attempts, reason FROM cqrs_inbox_parkedmessage
    ORDER BY id LIMIT 5
"""


def outbox_size(stack: Stack) -> int:
    """Messages that wait for the relay; those without any queue do not count."""
    return int(databases.value(stack.master.database_url, _OUTBOX))


def wait_until_relayed(stack: Stack) -> None:
    """Wait until the relay has sent what is recorded now: it is at work."""
    url = stack.master.database_url
    latest = databases.value(url, "SELECT coalesce(max(id), 0) FROM cqrs_outbox_outboxmessage")

    def these_are_sent() -> None:
        assert databases.value(url, f"{_OUTBOX} AND id <= %s", latest) == 0

    eventually(these_are_sent, within_seconds=SETTLE_SECONDS)


def assert_settled(stack: Stack, replica: Replica | None = None) -> None:
    """Fail while a message is under way or was put aside, or a replicated row differs."""
    replica = replica or stack.replica
    assert outbox_size(stack) == 0, f"{outbox_size(stack)} messages in the outbox"
    for queue in (replica.queue, replica.dead_letter_queue):
        assert broker.queue_depth(stack.broker_url, queue) == 0, f"{queue} is not empty"
    parked = databases.rows(replica.database_url, _PARKED)
    assert not parked, f"parked: {parked}"
    assert_equal_tables(stack.master.database_url, replica.database_url)


def wait_until_settled(stack: Stack, replica: Replica | None = None) -> None:
    """Wait until nothing is under way and every replicated row is equal."""
    eventually(lambda: assert_settled(stack, replica), within_seconds=SETTLE_SECONDS)


def assert_nothing_unacknowledged(stack: Stack) -> None:
    """Fail while a consumer holds a message, which `assert_settled` cannot see."""
    listed = stack.servers.rabbitmq.ctl(
        *("-p", f"stack-{stack.token}", "list_queues", "--formatter", "json"),
        *("name", "messages_unacknowledged"),
    )
    held = {queue["name"]: queue["messages_unacknowledged"] for queue in json.loads(listed)}
    assert not any(held.values()), f"unacknowledged: {held}"
