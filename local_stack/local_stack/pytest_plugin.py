"""Fixtures with real servers, for every distribution of the repository.

One server per test run and kind, started when the first test asks for it. Where no server can be
had, the test is skipped with the reason; in CI it fails.
"""

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from local_stack import servers
from local_stack.errors import StackError
from local_stack.rabbitmq_cluster import RabbitMQCluster

ServerT = TypeVar("ServerT", bound=servers.Server)

_CHOSEN = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def rabbitmq(request: pytest.FixtureRequest) -> Iterator[servers.RabbitMQServer]:
    """A running RabbitMQ broker; a test that stops it starts it again."""
    yield from _serve(request, servers.start_rabbitmq)


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: servers.RabbitMQServer) -> str:
    """AMQP URL of the session's broker."""
    return rabbitmq.url


@pytest.fixture(scope="session")
def rabbitmq_cluster(request: pytest.FixtureRequest) -> Iterator[RabbitMQCluster]:
    """A running broker of three nodes; a test that ends one starts it again."""
    yield from _serve(request, servers.start_rabbitmq_cluster)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[servers.PostgresServer]:
    """A running PostgreSQL server; a test that stops it starts it again."""
    yield from _serve(request, servers.start_postgres)


@pytest.fixture(scope="session")
def postgres_url(postgres: servers.PostgresServer) -> str:
    """URL of the session's PostgreSQL server (its own database; create yours)."""
    return postgres.url


@pytest.fixture(scope="session")
def mariadb(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A running MariaDB server; a test that stops it starts it again."""
    yield from _serve(request, servers.start_mariadb)


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A running Redis server; a test that stops it starts it again."""
    yield from _serve(request, servers.start_redis)


def _serve(
    request: pytest.FixtureRequest, start: Callable[[], tuple[ServerT, str]]
) -> Iterator[ServerT]:
    try:
        server, sentence = start()
    except StackError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs real servers: {error}", pytrace=False)
        pytest.skip(str(error))
    request.config.stash.setdefault(_CHOSEN, []).append(sentence)
    yield server
    server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which servers the run used, and why those."""
    for sentence in terminalreporter.config.stash.get(_CHOSEN, []):
        terminalreporter.write_line(f"server: {sentence}")
