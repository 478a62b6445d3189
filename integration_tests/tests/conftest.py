"""Real servers, and one stack for all tests, which is thrown away as soon as a test fails."""

import dataclasses
import random
import sys
from collections.abc import Generator, Iterator

import pytest

from integration_tests.clients import MasterClient, ReplicaClient
from integration_tests.settling import wait_until_settled
from integration_tests.stack import Servers, Stack, Templates, migrated_templates
from local_stack import servers as server_choice
from local_stack.rabbitmq_cluster import RabbitMQCluster
from local_stack.servers import PostgresServer, RabbitMQServer

_FAILED = pytest.StashKey[bool]()
_LOG_CHARACTERS = 6000


@pytest.fixture(scope="session")
def replica_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A second PostgreSQL server, so that the replica's can go down alone."""
    server, _ = server_choice.start_postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def servers(
    rabbitmq: RabbitMQServer, postgres: PostgresServer, replica_postgres: PostgresServer
) -> Servers:
    return Servers(rabbitmq, postgres, replica_postgres)


@pytest.fixture(scope="session")
def templates(servers: Servers) -> Templates:
    return migrated_templates(servers)


class SharedStack:
    """The stack of most tests; made when it is first needed, and anew after a failure."""

    def __init__(self, servers: Servers, templates: Templates) -> None:
        self._servers = servers
        self._templates = templates
        self._stack: Stack | None = None

    def get(self) -> Stack:
        if self._stack is None:
            self._stack = Stack(self._servers, self._templates)
        return self._stack

    def discard(self) -> None:
        if self._stack is not None:
            self._stack.close()
            self._stack = None


@pytest.fixture(scope="session")
def shared_stack(servers: Servers, templates: Templates) -> Iterator[SharedStack]:
    shared = SharedStack(servers, templates)
    yield shared
    shared.discard()


@pytest.fixture
def stack(shared_stack: SharedStack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The shared stack, up and at rest; what a test takes down comes up again after it."""
    stack = shared_stack.get()
    try:
        stack.mark_logs()
        stack.start()
        yield stack
        if not request.node.stash.get(_FAILED, False):
            stack.start()
            wait_until_settled(stack)
            return
    except BaseException:
        shared_stack.discard()
        raise
    shared_stack.discard()


@pytest.fixture
def fresh_stack(servers: Servers, templates: Templates) -> Iterator[Stack]:
    """A stack of the test's own, of which nothing runs and nothing is declared yet."""
    stack = Stack(servers, templates)
    yield stack
    stack.close()


@pytest.fixture
def cluster_stack(
    rabbitmq_cluster: RabbitMQCluster, servers: Servers, templates: Templates
) -> Iterator[Stack]:
    """A stack of the test's own on a broker of three nodes; all of it is up."""
    rabbitmq_cluster.start()
    stack = Stack(dataclasses.replace(servers, rabbitmq=rabbitmq_cluster), templates)
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def master(stack: Stack) -> Iterator[MasterClient]:
    with MasterClient(stack.master.url) as client:
        yield client


@pytest.fixture
def replica(stack: Stack) -> Iterator[ReplicaClient]:
    with ReplicaClient(stack.replica.url) as client:
        yield client


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Chances of this test: the same for the same `--randomly-seed`, which a failure shows."""
    seed = request.config.getoption("randomly_seed", default=0)
    sys.stdout.write(f"repeat the moments of this test with --randomly-seed={seed}\n")
    return random.Random(f"{seed}:{request.node.nodeid}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services logged during a test that failed."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
        fixtures = getattr(item, "funcargs", {})
        for name in ("stack", "fresh_stack", "cluster_stack"):
            if name in fixtures:
                report.sections += [
                    (f"log of {process}", text[-_LOG_CHARACTERS:])
                    for process, text in fixtures[name].logs()
                ]
    return report
