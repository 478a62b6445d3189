"""Every named step of the library: a process is killed there, or told to end, and nothing is lost.

SIGKILL ends it at the step; after SIGTERM it finishes what it has in hand and ends in good order.
Within COMMIT, which no step of a process is, see `test_cuts`.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx
import pytest

from integration_tests import broker, databases
from integration_tests.changes import Change, one_of_each
from integration_tests.clients import MasterClient
from integration_tests.fail_points import Action
from integration_tests.notifying import running_notifier
from integration_tests.process import ServiceProcess
from integration_tests.service import Service
from integration_tests.settling import assert_nothing_unacknowledged, wait_until_settled
from integration_tests.shelf import fill_shelf, unique
from integration_tests.stack import Stack
from integration_tests.webhook import webhook
from local_stack.waiting import eventually

WEB = ("master.row_written", "master.recorded", "master.committed")
RELAY = (
    "relay.claimed",
    "relay.published",
    "relay.confirmed",
    "relay.deleting",
    "relay.deleted",
)
CONSUMER = ("consumer.received", "consumer.applied", "consumer.committed", "consumer.acking")
OTHERS = ("consumer.parked", "consumer.copied", "sync.chunk")
ALL_POINTS = "import json, dj_cqrs.fail_points as f; print(json.dumps(list(f.POINTS)))"

#: Who survives the one survives the other, as a rule.
both_signals = pytest.mark.parametrize(
    "action", ["KILL", pytest.param("TERM", marks=pytest.mark.slow)]
)

#: A key that no test's row has, in a message that no retry can mend.
HOPELESS = b'{"cqrs_id": "artist", "signal_type": "SAVE", "instance_pk": 2000000001}'


@contextmanager
def armed(service: Service, point: str, action: Action) -> Iterator[None]:
    service.fail_points.arm(point, action)
    try:
        yield
    finally:
        service.fail_points.disarm()


def code_of(action: Action) -> int:
    """Exit code of a process that died at a step, or ended in good order after it."""
    return -signal.SIGKILL if action == "KILL" else 0


def test_every_step_of_the_library_is_tested_here() -> None:
    known = subprocess.run([sys.executable, "-c", ALL_POINTS], stdout=subprocess.PIPE, check=True)

    assert sorted(json.loads(known.stdout)) == sorted((*WEB, *RELAY, *CONSUMER, *OTHERS))


@both_signals
@pytest.mark.parametrize("point", WEB)
def test_a_change_and_its_messages_exist_both_or_neither(
    stack: Stack, master: MasterClient, point: str, action: Action
) -> None:
    changes = one_of_each(master)
    pids = []
    with broker.tap(stack.broker_url) as tap:
        for change in changes:
            with armed(stack.master, point, action):
                is_answered = try_to_make(stack, change)
                pids.append(stack.master.fail_points.wait_until_met(point))
            assert is_answered == (action == "TERM"), change.name
        eventually(lambda: check_web_workers_ended(stack, pids, action))
        wait_until_settled(stack)
        messages = tap.read()

    is_committed = action == "TERM" or point == "master.committed"
    expected = {change.name: change.rows * is_committed for change in changes}
    url = stack.master.database_url
    assert {change.name: change.rows_on(url) for change in changes} == expected
    assert {change.name: change.rows_told(messages) for change in changes} == expected


def try_to_make(stack: Stack, change: Change) -> bool:
    """Send the request; False if nobody answered."""
    try:
        with MasterClient(stack.master.url) as client:
            change.make(client)
    except httpx.TransportError:
        return False
    return True


def check_web_workers_ended(stack: Stack, pids: list[int], action: Action) -> None:
    """Gunicorn puts others in their places at once."""
    assert not set(pids) & set(stack.master.web.workers)
    log = stack.master.web.log_since(0)
    for pid in pids if action == "TERM" else ():
        assert f"Worker exiting (pid: {pid})" in log
        assert f"(pid:{pid}) exited with code" not in log
        assert f"(pid:{pid}) was sent" not in log


@both_signals
@pytest.mark.parametrize("point", RELAY)
def test_the_relay_ends_at_a_step_and_its_successor_loses_nothing(
    stack: Stack, master: MasterClient, point: str, action: Action
) -> None:
    changes = one_of_each(master)
    wait_until_settled(stack)
    relay = stack.master.relay
    with broker.tap(stack.broker_url) as tap:
        with armed(stack.master, point, action):
            make_all(changes, master)
            assert stack.master.fail_points.wait_until_met(point) == relay.pid
        assert relay.wait_for_end() == code_of(action)
        relay.start()
        wait_until_settled(stack)
        messages = tap.read()

    assert {c.name: c.rows_told(messages) for c in changes} == {c.name: c.rows for c in changes}
    # At least once: what was published and not deleted is published again.
    is_repeated = action == "KILL" and point != "relay.claimed"
    assert max(change.most_copies(messages) for change in changes) == 1 + is_repeated


def make_all(changes: list[Change], master: MasterClient) -> None:
    for change in changes:
        change.make(master)


@both_signals
@pytest.mark.parametrize("point", CONSUMER)
def test_a_worker_ends_at_a_step_and_what_it_had_is_applied(
    stack: Stack, master: MasterClient, point: str, action: Action
) -> None:
    changes = one_of_each(master)
    wait_until_settled(stack)
    with armed(stack.replica, point, action):
        make_all(changes, master)
        pid = stack.replica.fail_points.wait_until_met(point)

    check_worker_ended(stack.replica.consumer, pid, action)
    wait_until_settled(stack)
    start_anew(stack.replica.consumer)


def start_anew(consumer: ServiceProcess) -> None:
    """Its supervisor would wait longer before each new worker."""
    consumer.kill()
    consumer.start()


def check_worker_ended(consumer: ServiceProcess, pid: int, action: Action) -> None:
    """Its supervisor says how, and puts another one in its place."""
    line = f"Consumer process with pid {pid} died (exit code {code_of(action)})"

    def is_said() -> None:
        assert line in consumer.log_since(0)

    eventually(is_said)


@both_signals
def test_a_message_that_is_being_parked_is_parked_once(stack: Stack, action: Action) -> None:
    with armed(stack.replica, "consumer.parked", action):
        broker.publish(stack.broker_url, "artist", HOPELESS)
        pid = stack.replica.fail_points.wait_until_met("consumer.parked")

    check_worker_ended(stack.replica.consumer, pid, action)
    eventually(lambda: check_parked_once(stack))
    eventually(lambda: assert_nothing_unacknowledged(stack))
    check_parked_once(stack)
    databases.execute(stack.replica.database_url, "DELETE FROM cqrs_inbox_parkedmessage")
    start_anew(stack.replica.consumer)


def check_parked_once(stack: Stack) -> None:
    query = "SELECT status, body FROM cqrs_inbox_parkedmessage"
    parked = databases.rows(stack.replica.database_url, query)
    assert [(status, bytes(body)) for status, body in parked] == [("dead", HOPELESS)]


@both_signals
def test_a_message_whose_copy_is_sent_is_not_lost_with_its_original(
    stack: Stack, master: MasterClient, action: Action
) -> None:
    """A service without a database has the broker keep what failed."""
    (track_id,) = fill_shelf(master).track_ids
    with webhook() as receiver, running_notifier(stack, webhook_url=receiver.url) as notifier:
        receiver.status = HTTPStatus.SERVICE_UNAVAILABLE
        with armed(notifier, "consumer.copied", action):
            master.reprice([track_id], "0.79")
            pid = notifier.fail_points.wait_until_met("consumer.copied")
        receiver.status = HTTPStatus.NO_CONTENT
        check_worker_ended(notifier.consumer, pid, action)

        def is_taken() -> None:
            # The original comes again if the worker was killed, and so does its copy.
            assert len(receiver.taken) == (2 if action == "KILL" else 1)

        eventually(is_taken, within_seconds=60)
        assert {body["track_id"] for body in receiver.taken} == {track_id}
        assert broker.queue_depth(stack.broker_url, notifier.queue) == 0


@both_signals
def test_a_sync_that_ends_between_two_chunks_is_repeated(
    stack: Stack, master: MasterClient, action: Action
) -> None:
    """The command finishes nothing on SIGTERM: what it has recorded is in the outbox."""
    for _ in range(5):
        master.create("genres", name=unique("Genre"))
    wait_until_settled(stack)
    url = stack.replica.database_url
    databases.execute(url, "UPDATE storefront_genre SET name = 'drifted ' || id")
    sync = ("cqrs_sync", "--cqrs-id", "genre", "--filter", "{}", "--batch", "2")
    command = stack.master.manage_process("sync", *sync)
    with armed(stack.master, "sync.chunk", action):
        assert command.run_to_end() == -signal.Signals[f"SIG{action}"]

    def some_are_mended() -> None:
        assert drifted(stack) == count - 2

    count = databases.value(url, "SELECT count(*) FROM storefront_genre")
    eventually(some_are_mended)
    stack.master.manage(*sync)
    wait_until_settled(stack)


def drifted(stack: Stack) -> int:
    query = "SELECT count(*) FROM storefront_genre WHERE name LIKE 'drifted %'"
    return int(databases.value(stack.replica.database_url, query))
