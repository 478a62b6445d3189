"""A database goes away under load; the other service and the broker do not."""

import random
from collections.abc import Callable

import pytest

from integration_tests.settling import wait_until_settled
from integration_tests.stack import Stack
from integration_tests.writer import Writer
from local_stack.servers import PostgresServer


def restart(server: PostgresServer) -> None:
    server.restart()


def kill_and_start(server: PostgresServer) -> None:
    server.kill()
    server.start()


#: Who survives a kill survives a restart as well, as a rule.
FAULTS = [pytest.param(restart, marks=pytest.mark.slow), kill_and_start]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_replicas_database_goes_down_under_load(
    stack: Stack, rng: random.Random, fault: Callable[[PostgresServer], None]
) -> None:
    with Writer(stack.master.url, rng) as writer:
        writer.wait_for_writes(rng.randint(10, 30))

        fault(stack.servers.replica_postgres)

        writer.wait_for_writes(20)
        assert writer.failures == 0, "a write waited for a replica"
    wait_until_settled(stack)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_masters_database_goes_down_under_load(
    stack: Stack, rng: random.Random, fault: Callable[[PostgresServer], None]
) -> None:
    with Writer(stack.master.url, rng) as writer:
        writer.wait_for_writes(rng.randint(10, 30))

        fault(stack.servers.master_postgres)

        writer.wait_for_writes(20)
    wait_until_settled(stack)
