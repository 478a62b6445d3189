"""Processes are killed within COMMIT, which ends without them; `test_steps` has the steps."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from integration_tests import broker, databases
from integration_tests.clients import MasterClient
from integration_tests.cuts import cut
from integration_tests.process import ServiceProcess
from integration_tests.settling import outbox_size, wait_until_settled
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

OUTBOX = "cqrs_outbox_outboxmessage"
ARTIST = "SELECT count(*) FROM {app}_artist WHERE name = %s"


def artists_on_master(stack: Stack, name: str) -> int:
    return int(databases.value(stack.master.database_url, ARTIST.format(app="catalogue"), name))


def artists_on_replica(stack: Stack, name: str) -> int:
    return int(databases.value(stack.replica.database_url, ARTIST.format(app="storefront"), name))


def create_until_killed(url: str, name: str) -> None:
    with MasterClient(url) as master, pytest.raises(httpx.TransportError):
        master.create("artists", name=name)


def test_the_web_server_is_killed_within_the_commit_of_a_change(stack: Stack) -> None:
    name = unique("Artist")
    with (
        cut(stack.master.database_url, OUTBOX, "INSERT", in_commit=True) as place,
        ThreadPoolExecutor() as pool,
    ):
        request = pool.submit(create_until_killed, stack.master.url, name)
        place.wait_until_reached()
        stack.master.web.kill()
        place.release()
        request.result()

    stack.start()
    wait_until_settled(stack)
    assert artists_on_master(stack, name) == 1
    assert artists_on_replica(stack, name) == 1


def test_the_relay_is_killed_within_the_commit_of_its_delete(
    stack: Stack, master: MasterClient
) -> None:
    name = unique("Artist")
    with (
        broker.tap(stack.broker_url, "artist") as tap,
        cut(stack.master.database_url, OUTBOX, "DELETE", in_commit=True) as place,
    ):
        artist = master.create("artists", name=name)
        place.wait_until_reached()
        stack.master.relay.kill()
        place.release()
        eventually(lambda: assert_outbox_size(stack, 0))
        stack.master.relay.start()
        wait_until_settled(stack)
        messages = tap.of_row("artist", artist["id"])

    assert len(messages) == 1


def kill(consumer: ServiceProcess) -> None:
    consumer.kill()


def kill_workers(consumer: ServiceProcess) -> None:
    consumer.kill_workers()


@pytest.mark.parametrize("fault", [kill, kill_workers])
def test_the_consumer_is_killed_within_the_commit_and_thus_before_its_acknowledgement(
    stack: Stack, master: MasterClient, fault: Callable[[ServiceProcess], None]
) -> None:
    artist = master.create("artists", name=unique("Artist"))
    wait_until_settled(stack)
    name = unique("Renamed")
    with cut(stack.replica.database_url, "storefront_artist", "UPDATE", in_commit=True) as place:
        master.update("artists", artist["id"], name=name)
        place.wait_until_reached()
        stack.replica.consumer.pause()  # so that no new worker is faster than this test
        fault(stack.replica.consumer)
        place.release()
        eventually(lambda: assert_artists_on_replica(stack, name, 1))

    eventually(lambda: assert_one_is_ready(stack))
    restart(stack.replica.consumer)
    wait_until_settled(stack)
    assert artists_on_replica(stack, name) == 1


def assert_outbox_size(stack: Stack, size: int) -> None:
    assert outbox_size(stack) == size


def assert_artists_on_replica(stack: Stack, name: str, count: int) -> None:
    assert artists_on_replica(stack, name) == count


def assert_one_is_ready(stack: Stack) -> None:
    assert broker.queue_depth(stack.broker_url, stack.replica.queue) == 1


def restart(consumer: ServiceProcess) -> None:
    consumer.kill()
    consumer.start()


def test_the_supervisor_is_killed_while_a_worker_is_in_a_transaction(
    stack: Stack, master: MasterClient
) -> None:
    """Its workers end by themselves, beside those of its successor."""
    artist = master.create("artists", name=unique("Artist"))
    wait_until_settled(stack)
    name = unique("Renamed")
    with cut(stack.replica.database_url, "storefront_artist", "UPDATE") as place:
        master.update("artists", artist["id"], name=name)
        place.wait_until_reached()
        stack.replica.consumer.kill_parent()
        stack.replica.consumer.start()
        eventually(lambda: stack.replica.consumer.check_workers(2), within_seconds=60)

    wait_until_settled(stack)
    assert artists_on_replica(stack, name) == 1
