"""The broker goes away in every manner while the master is written to."""

import random
from collections.abc import Callable

import pytest

from integration_tests import broker, databases
from integration_tests.clients import MasterClient
from integration_tests.settling import outbox_size, wait_until_settled
from integration_tests.shelf import unique
from integration_tests.stack import Stack
from integration_tests.witness import Witness
from integration_tests.writer import Writer
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually

#: Messages that a relay holds locked, which are those that it is publishing.
CLAIMED = """
    SELECT (SELECT count(*) FROM cqrs_outbox_outboxmessage)
    - (SELECT count(*) FROM (SELECT FROM cqrs_outbox_outboxmessage FOR UPDATE SKIP LOCKED) free)
"""


def restart(rabbitmq: RabbitMQServer) -> None:
    rabbitmq.restart()


def kill_and_start(rabbitmq: RabbitMQServer) -> None:
    rabbitmq.kill()
    rabbitmq.start()


#: Who survives a kill survives a restart as well, as a rule.
FAULTS = [pytest.param(restart, marks=pytest.mark.slow), kill_and_start]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_broker_goes_down_under_load_and_nothing_is_lost(
    stack: Stack, rng: random.Random, fault: Callable[[RabbitMQServer], None]
) -> None:
    with (
        Witness(stack.master.database_url, stack.replica.database_url),
        Writer(stack.master.url, rng) as writer,
    ):
        writer.wait_for_writes(rng.randint(10, 30))

        fault(stack.servers.rabbitmq)

        writer.wait_for_writes(20)
        assert writer.failures == 0, "a write waited for the broker"
    wait_until_settled(stack)


def test_writes_go_on_while_the_broker_is_stopped_and_arrive_when_it_is_back(
    stack: Stack, rng: random.Random
) -> None:
    stack.servers.rabbitmq.stop()
    try:
        with Writer(stack.master.url, rng) as writer:
            writer.wait_for_writes(100)
            assert writer.failures == 0, "a write waited for the broker"
        assert outbox_size(stack) >= 100
    finally:
        stack.servers.rabbitmq.start()

    wait_until_settled(stack)


def test_the_relay_is_killed_while_it_waits_for_confirms(stack: Stack, rng: random.Random) -> None:
    ctl = stack.servers.rabbitmq.ctl
    # The broker takes nothing from publishers while its memory is said to be full.
    ctl("set_vm_memory_high_watermark", "0")
    try:
        with Writer(stack.master.url, rng) as writer:
            writer.wait_for_writes(20)
            eventually(lambda: assert_some_are_claimed(stack))
            stack.master.relay.kill()
            writer.wait_for_writes(10)
            assert writer.failures == 0, "a write waited for the broker"
    finally:
        ctl("set_vm_memory_high_watermark", "0.6")
    stack.master.relay.start()

    wait_until_settled(stack)


def test_all_connections_are_closed_by_an_operator_under_load(
    stack: Stack, rng: random.Random
) -> None:
    with Writer(stack.master.url, rng) as writer:
        for _ in range(2):
            writer.wait_for_writes(20)
            stack.servers.rabbitmq.ctl("close_all_connections", "by a test")
        writer.wait_for_writes(20)

    wait_until_settled(stack)


def test_a_message_without_a_queue_waits_until_its_binding_is_back(
    stack: Stack, master: MasterClient
) -> None:
    queue = stack.replica.queue
    with broker.channel(stack.broker_url) as channel:
        channel.queue_unbind(queue, broker.EXCHANGE, "genre")
    master.create("genres", name=unique("Genre"))
    eventually(lambda: assert_unroutable(stack, 1))

    stack.replica.manage("cqrs_declare")

    wait_until_settled(stack)
    assert_unroutable(stack, 0)


def test_a_queue_that_is_deleted_under_its_consumers_is_declared_again(
    stack: Stack, master: MasterClient
) -> None:
    with broker.channel(stack.broker_url) as channel:
        channel.queue_delete(stack.replica.queue)

    # Meanwhile these have no queue, and wait in the outbox.
    master.bulk_create("artists", [{"name": unique("Artist")} for _ in range(10)])

    wait_until_settled(stack)


def assert_unroutable(stack: Stack, count: int) -> None:
    query = "SELECT count(*) FROM cqrs_outbox_outboxmessage WHERE is_unroutable"
    assert databases.value(stack.master.database_url, query) == count


def assert_some_are_claimed(stack: Stack) -> None:
    assert databases.value(stack.master.database_url, CLAIMED) > 0, "the relay holds nothing"
