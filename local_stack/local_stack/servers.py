"""Chooses where a server comes from, and says which and why."""

import contextlib
import os
from collections.abc import Callable
from typing import Protocol, TypeVar

from local_stack.containers import (
    ContainerPostgres,
    ContainerRabbitMQ,
    ContainerRedis,
    docker_answers,
)
from local_stack.errors import ServerUnavailableError, StackError
from local_stack.mariadb import PrivateMariaDB
from local_stack.postgres import PrivatePostgres, install_binaries
from local_stack.rabbitmq import PrivateRabbitMQ
from local_stack.rabbitmq_cluster import (
    RabbitMQCluster,
    cluster_of_containers,
    cluster_of_processes,
)
from local_stack.rabbitmq_node import install_scripts
from local_stack.redis import PrivateRedis, install_binary

#: "docker" or "local"; anything else is an error, empty means: decide.
CHOICE_VARIABLE = "TEST_SERVERS"


class Server(Protocol):
    """A server for tests; data, URL and port are kept until `close`."""

    description: str

    @property
    def url(self) -> str:
        """Where clients find it."""

    def start(self) -> None:
        """Start it and wait until clients can connect."""

    def stop(self) -> None:
        """Stop it in good order."""

    def kill(self) -> None:
        """End it with SIGKILL."""

    def restart(self) -> None:
        """Stop and start it."""

    def close(self) -> None:
        """End it for good and remove its data."""


class RabbitMQServer(Server, Protocol):
    """A RabbitMQ broker for tests."""

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return its output."""


class PostgresServer(Server, Protocol):
    """A PostgreSQL server for tests."""

    def create_database(self, name: str) -> str:
        """Create an empty database, replacing one of that name, and return its URL."""


ServerT = TypeVar("ServerT", bound=Server)


def choose() -> tuple[str, str]:
    """Decide between "docker" and "local" servers; returns the choice and its reason."""
    asked = os.environ.get(CHOICE_VARIABLE, "")
    if asked in ("docker", "local"):
        return asked, f"{CHOICE_VARIABLE}={asked}"
    if asked:
        raise StackError(f"{CHOICE_VARIABLE}={asked}: write docker or local")
    if docker_answers():
        return "docker", f"a Docker engine answers; {CHOICE_VARIABLE}=local for private servers"
    return "local", "no Docker engine answers"


def prepare() -> None:
    """Install the servers that tests may start, before a test with a time limit has to.

    Where packages cannot be installed it does nothing; the tests say what they miss.
    """
    for install in (install_scripts, install_binaries, install_binary):
        with contextlib.suppress(ServerUnavailableError):
            install()


def start_rabbitmq() -> tuple[RabbitMQServer, str]:
    """Start a broker; returns it and a sentence that says what it is and why."""
    return _start(ContainerRabbitMQ, PrivateRabbitMQ)


def start_rabbitmq_cluster() -> tuple[RabbitMQCluster, str]:
    """Start a broker of three nodes; returns it and a sentence that says what it is and why."""
    return _start(cluster_of_containers, cluster_of_processes)


def start_postgres() -> tuple[PostgresServer, str]:
    """Start a PostgreSQL server; returns it and a sentence that says what it is and why."""
    return _start(ContainerPostgres, PrivatePostgres)


def start_mariadb() -> tuple[Server, str]:
    """Start a MariaDB server; returns it and a sentence that says what it is.

    Always a private one: it only serves the long runs of `make test-all`.
    """
    server = PrivateMariaDB()
    server.start()
    return server, server.description


def start_redis() -> tuple[Server, str]:
    """Start a Redis server; returns it and a sentence that says what it is and why."""
    return _start(ContainerRedis, PrivateRedis)


def _start(
    in_container: Callable[[], ServerT], private: Callable[[], ServerT]
) -> tuple[ServerT, str]:
    choice, reason = choose()
    server = in_container() if choice == "docker" else private()
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server, f"{server.description} ({reason})"
