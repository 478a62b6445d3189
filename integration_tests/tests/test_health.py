"""`/readyz` and `cqrs_status` tell the truth: who is stuck or dead is named, and only then."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from integration_tests import broker
from integration_tests.clients import MasterClient
from integration_tests.process import ServiceProcess
from integration_tests.service import BACKLOG_SECONDS, STUCK_SECONDS, WebService
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import fill_shelf, unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

#: The limit, the time between two signs of life, and what a busy machine takes.
_NOTICED_SECONDS = max(STUCK_SECONDS, BACKLOG_SECONDS) + 30


def wait_until_well(service: WebService) -> None:
    def all_is_well() -> None:
        assert service.failures() == {}

    eventually(all_is_well, within_seconds=60)


def wait_until_it_says(service: WebService, check: str, words: str) -> None:
    def it_says_so() -> None:
        assert words in service.failures().get(check, "")

    eventually(it_says_so, within_seconds=_NOTICED_SECONDS)


@pytest.fixture
def paused(stack: Stack) -> Iterator[Callable[[ServiceProcess], None]]:
    """Stops processes in their tracks, for the time of the test."""
    stopped: list[ServiceProcess] = []

    def pause(process: ServiceProcess) -> None:
        process.pause()
        stopped.append(process)

    yield pause
    for process in stopped:
        process.resume()


def test_a_relay_that_stands_still_is_named(
    stack: Stack, paused: Callable[[ServiceProcess], None]
) -> None:
    wait_until_well(stack.master)
    assert stack.master.status()[0] == 0

    paused(stack.master.relay)

    wait_until_it_says(stack.master, "relay", f"relay {stack.master.relay.pid} on")
    code, said = stack.master.status("--no-broker")
    assert code == 1
    assert "FAILED relay: " in said
    stack.master.relay.resume()
    wait_until_well(stack.master)


def test_workers_that_stand_still_are_named(
    stack: Stack, paused: Callable[[ServiceProcess], None]
) -> None:
    wait_until_well(stack.replica)
    assert stack.replica.status()[0] == 0

    paused(stack.replica.consumer)

    for pid in stack.replica.consumer.workers:
        wait_until_it_says(stack.replica, "workers", f"worker {pid} on")
    assert stack.replica.status("--no-broker")[0] == 1
    stack.replica.consumer.resume()
    wait_until_well(stack.replica)


def test_a_worker_that_waits_for_a_lock_is_stuck(stack: Stack, master: MasterClient) -> None:
    wait_until_well(stack.replica)
    with psycopg.connect(stack.replica.database_url) as holder:
        holder.execute("LOCK TABLE storefront_artist IN EXCLUSIVE MODE")
        master.create("artists", name=unique("Artist"))

        wait_until_it_says(stack.replica, "workers", "no sign of life")

        assert stack.replica.status("--no-broker")[0] == 1
    wait_until_well(stack.replica)
    wait_until_settled(stack)


def test_a_backlog_that_grows_old_fails_while_the_broker_is_away(
    stack: Stack, master: MasterClient
) -> None:
    wait_until_well(stack.master)
    stack.servers.rabbitmq.stop()
    try:
        master.create("artists", name=unique("Artist"))

        wait_until_it_says(stack.master, "outbox", "the oldest for")

        wait_until_it_says(stack.master, "relay", "nothing works for")
        code, said = stack.master.status("--exclude", "outbox", "relay")
        assert code == 1
        assert "FAILED broker: " in said
        assert stack.master.status("--exclude", "outbox", "relay", "broker")[0] == 0
    finally:
        stack.servers.rabbitmq.start()
    wait_until_settled(stack)
    wait_until_well(stack.master)


def test_messages_that_nobody_consumes_are_seen_by_who_asks_the_broker(
    stack: Stack, master: MasterClient
) -> None:
    stack.replica.consumer.stop()
    fill_shelf(master, tracks=1)

    def some_wait() -> None:
        assert broker.queue_depth(stack.broker_url, stack.replica.queue)

    eventually(some_wait, within_seconds=60)
    code, said = stack.replica.status()

    assert code == 1
    assert "FAILED workers: 0 of 1 alive" in said
    assert "and nobody consumes them" in said
    assert "workers" in stack.replica.failures()


def test_who_was_killed_and_replaced_is_not_missed(stack: Stack) -> None:
    wait_until_well(stack.replica)
    stack.replica.consumer.kill()
    stack.replica.consumer.start()
    stack.wait_for_consumers()

    wait_until_well(stack.replica)


def test_a_service_without_a_database_tells_too(stack: Stack) -> None:
    notifier = stack.new_notifier()
    notifier.consumer.start()

    def it_is_well() -> None:
        assert notifier.status()[0] == 0
        assert notifier.status("--own")[0] == 0

    eventually(it_is_well, within_seconds=60)
    notifier.consumer.pause()

    def it_is_named() -> None:
        code, said = notifier.status("--own")
        assert code == 1
        assert "no sign of life" in said

    eventually(it_is_named, within_seconds=_NOTICED_SECONDS)
    notifier.consumer.kill()
    broker.delete_queues(stack.broker_url, "notifier", "dead_letter_notifier")
