"""The same two servers as containers, through testcontainers.

Host ports are fixed, so that a restarted server is found where it was. Whether the reaper
container of testcontainers runs is decided by its own configuration.
"""

import contextlib
import functools
import gc
import os
import signal
import socket
import warnings
from collections.abc import Mapping

import docker
import psycopg
from docker.errors import APIError, DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from local_stack import databases
from local_stack.errors import ServerFailedError
from local_stack.lifecycle import Restartable
from local_stack.ports import free_ports
from local_stack.process import is_alive
from local_stack.rabbitmq import TEST_USER
from local_stack.rabbitmq_node import IMPATIENT, Membership, speaks_amqp
from local_stack.redis import DURABLE, answers
from local_stack.waiting import eventually

RABBITMQ_IMAGE = "rabbitmq:4-management"
POSTGRES_IMAGE = "postgres:17"
REDIS_IMAGE = "redis:7"

_START_SECONDS = 180
#: Says which process a container belongs to: "<host name> <process id>".
_OWNER_LABEL = "local-stack.owner"


@functools.cache
def docker_answers() -> bool:
    """Tell whether a Docker engine answers here."""
    with warnings.catch_warnings():
        # The client leaves the socket, on which nobody answers, to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with contextlib.closing(docker.from_env(timeout=5)) as client:
                return bool(client.ping())
        except DockerException:
            pass
        gc.collect()
        return False


@functools.cache
def remove_leftovers() -> None:
    """Remove what test runs left that were killed on this machine; once for each process."""
    with contextlib.closing(docker.from_env()) as client:
        for container in client.containers.list(all=True, filters={"label": _OWNER_LABEL}):
            if _is_left_over(container.labels):
                with contextlib.suppress(APIError):  # another run was faster
                    container.remove(force=True, v=True)
        for network in client.networks.list(filters={"label": _OWNER_LABEL}):
            if _is_left_over(network.attrs["Labels"]):
                with contextlib.suppress(APIError):
                    network.remove()


def new_network() -> Network:
    """Create a network on which containers find each other by their names."""
    return Network(docker_network_kw={"labels": _owner()}).create()


def _owner() -> dict[str, str]:
    return {_OWNER_LABEL: f"{socket.gethostname()} {os.getpid()}"}


def _is_left_over(labels: Mapping[str, str]) -> bool:
    host, _, pid = labels[_OWNER_LABEL].partition(" ")
    return host == socket.gethostname() and not is_alive(int(pid))


class _Container(Restartable):
    """A server in a container: what both servers have in common."""

    def __init__(self, image: str, port: int, environment: dict[str, str]) -> None:
        (self.port,) = free_ports(1)
        self._container = DockerContainer(image).with_bind_ports(port, self.port)
        self._container.with_kwargs(labels=_owner())
        for name, value in environment.items():
            self._container.with_env(name, value)
        self._created = False

    @functools.cached_property
    def host(self) -> str:
        """Where the published port is reached; a container that is stopped cannot tell."""
        return self._container.get_container_host_ip()

    def start(self) -> None:
        """Start the server and wait until clients can connect."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the server; it is not ready yet."""
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            remove_leftovers()
            self._container.start()
            self._created = True

    def wait_until_ready(self) -> None:
        """Wait until clients can connect."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the server as an administrator would; data and port are kept."""
        self._container.get_wrapped_container().stop(timeout=60)

    def kill(self) -> None:
        """Kill the server with SIGKILL; data and port are kept."""
        container = self._container.get_wrapped_container()
        container.kill(signal=signal.SIGKILL)
        container.wait(timeout=30)

    def close(self) -> None:
        """Remove the container and its data."""
        if self._created:
            self._container.stop(force=True, delete_volume=True)


class ContainerRabbitMQ(_Container):
    """A broker in a container."""

    description = f"a container of {RABBITMQ_IMAGE}"

    def __init__(
        self,
        *,
        name: str = "rabbit@localhost",
        membership: Membership | None = None,
        network: Network | None = None,
    ) -> None:
        """Prepare the container; nothing runs yet.

        Args:
            name: Erlang name. It, and with it the place of the data, must not follow a random
                host name.
            membership: The cluster that it belongs to.
            network: Where the nodes of the cluster find each other by their names.
        """
        variables = {
            "RABBITMQ_DEFAULT_USER": TEST_USER.name,
            "RABBITMQ_DEFAULT_PASS": TEST_USER.password,
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": IMPATIENT,
        }
        if membership is not None:
            variables.update(membership.environment())
        super().__init__(RABBITMQ_IMAGE, 5672, variables)
        if network is not None:
            self._container.with_network(network)
            self._container.with_network_aliases(name.partition("@")[2])

    @property
    def url(self) -> str:
        """AMQP URL of the broker; stays the same over restarts."""
        return f"amqp://{TEST_USER.name}:{TEST_USER.password}@{self.host}:{self.port}/"

    def wait_until_ready(self) -> None:
        """Wait until clients can connect."""

        def check() -> None:
            if not speaks_amqp(self.port, self.host):
                raise ServerFailedError(f"{RABBITMQ_IMAGE} does not answer on port {self.port}")

        eventually(check, within_seconds=_START_SECONDS)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return its output, for example `ctl("stop_app")`."""
        code, output = self._container.exec(["rabbitmqctl", "--quiet", *arguments])
        text = bytes(output).decode()
        if code != 0:
            raise ServerFailedError(f"rabbitmqctl {' '.join(arguments)} failed:\n{text}")
        return text


class ContainerPostgres(_Container):
    """A PostgreSQL server in a container."""

    description = f"a container of {POSTGRES_IMAGE}"

    def __init__(self) -> None:
        """Prepare the container; nothing runs yet."""
        # Each connection would cost both sides milliseconds of hashing; any password will do.
        trusting = {"POSTGRES_PASSWORD": "test", "POSTGRES_HOST_AUTH_METHOD": "trust"}
        super().__init__(POSTGRES_IMAGE, 5432, trusting)
        self._container.with_command("postgres -c max_connections=200 -c fsync=off")

    @property
    def url(self) -> str:
        """URL of the server's own database; stays the same over restarts."""
        return f"postgresql://postgres:test@{self.host}:{self.port}/postgres"

    def wait_until_ready(self) -> None:
        """Wait until clients can connect."""
        # The image starts a server for its own set-up first, but that one is not published.
        eventually(
            lambda: databases.check_connection(self.url),
            within_seconds=_START_SECONDS,
            retry_on=psycopg.OperationalError,
        )

    def create_database(self, name: str) -> str:
        """Create an empty database, replacing one of that name, and return its URL."""
        return databases.create_database(self.url, name)


class ContainerRedis(_Container):
    """A Redis server in a container; keeps what it confirmed."""

    description = f"a container of {REDIS_IMAGE}"

    def __init__(self) -> None:
        """Prepare the container; nothing runs yet."""
        super().__init__(REDIS_IMAGE, 6379, {})
        self._container.with_command(["redis-server", *DURABLE])

    @property
    def url(self) -> str:
        """URL of the server's first database; stays the same over restarts."""
        return f"redis://{self.host}:{self.port}/0"

    def wait_until_ready(self) -> None:
        """Wait until clients can connect."""

        def check() -> None:
            if not answers(self.port, self.host):
                raise ServerFailedError(f"{REDIS_IMAGE} does not answer on port {self.port}")

        eventually(check, within_seconds=_START_SECONDS)
