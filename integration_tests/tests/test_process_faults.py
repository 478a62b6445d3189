"""Processes are killed at random moments under load; `--randomly-seed` repeats the moments."""

import random
from collections.abc import Callable

import pytest

from integration_tests.process import ServiceProcess
from integration_tests.settling import (
    assert_nothing_unacknowledged,
    wait_until_relayed,
    wait_until_settled,
)
from integration_tests.stack import Stack
from integration_tests.witness import Witness
from integration_tests.writer import Writer
from local_stack.waiting import eventually


def kill(process: ServiceProcess) -> None:
    process.kill()


def kill_the_parent_alone(process: ServiceProcess) -> None:
    process.kill_parent()


def kill_the_workers_alone(process: ServiceProcess) -> None:
    eventually(process.check_workers)
    process.kill_workers()


def freeze_and_kill(process: ServiceProcess) -> None:
    """What it has in hand stays in its hands for a while, as on a machine that hangs."""
    process.pause()
    process.kill()


def test_the_relay_is_killed_again_and_again_under_load(stack: Stack, rng: random.Random) -> None:
    with Writer(stack.master.url, rng) as writer:
        for _ in range(4):
            stack.master.relay.start()
            writer.wait_for_writes(5)  # some messages at least
            wait_until_relayed(stack)
            writer.wait_for_writes(rng.randint(1, 30))
            rng.choice([kill, freeze_and_kill])(stack.master.relay)
    stack.master.relay.start()

    wait_until_settled(stack)


@pytest.mark.parametrize("fault", [kill, kill_the_parent_alone, kill_the_workers_alone])
def test_the_consumer_is_killed_again_and_again_under_load(
    stack: Stack, rng: random.Random, fault: Callable[[ServiceProcess], None]
) -> None:
    with (
        Witness(stack.master.database_url, stack.replica.database_url),
        Writer(stack.master.url, rng) as writer,
    ):
        for _ in range(2):
            stack.replica.consumer.start()
            stack.wait_for_consumers()
            writer.wait_for_writes(rng.randint(10, 40))
            fault(stack.replica.consumer)
    stack.replica.consumer.start()

    wait_until_settled(stack)
    if fault is kill_the_workers_alone:
        # Its supervisor waits longer before each new worker; the next test need not.
        stack.replica.consumer.restart()


def test_sigterm_under_load_ends_every_process_in_good_order(
    stack: Stack, rng: random.Random
) -> None:
    with Writer(stack.master.url, rng) as writer:
        writer.wait_for_writes(30)
        codes = {process.name: process.stop() for process in stack.processes}
    stack.start()

    assert set(codes.values()) == {0}, codes
    wait_until_settled(stack)
    eventually(lambda: assert_nothing_unacknowledged(stack))


def test_every_process_is_killed_in_any_order_while_a_writer_runs(
    stack: Stack, rng: random.Random
) -> None:
    with (
        Witness(stack.master.database_url, stack.replica.database_url) as witness,
        Writer(stack.master.url, rng) as writer,
    ):
        for _ in range(2):
            order = rng.sample(stack.processes, k=len(stack.processes))
            for process in order:
                rng.choice([kill, freeze_and_kill])(process)
                if rng.random() < 0.5 or process is stack.master.web:
                    process.start()
                if stack.master.web.is_running:
                    writer.wait_for_writes(rng.randint(1, 15))
            stack.start()
        writer.wait_for_writes(20)
    stack.start()

    wait_until_settled(stack)
    eventually(lambda: assert_nothing_unacknowledged(stack))
    assert witness.samples > 0


def test_two_relays_share_the_work_and_one_of_them_dies(stack: Stack, rng: random.Random) -> None:
    second = stack.master.manage_process("second-relay", "cqrs_relay")
    second.start()
    try:
        with Writer(stack.master.url, rng) as writer:
            writer.wait_for_writes(40)
            rng.choice([second, stack.master.relay]).kill()
            writer.wait_for_writes(40)
        wait_until_settled(stack)
    finally:
        second.kill()
