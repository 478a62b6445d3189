"""`make up` on a copy of the checkout: runs, runs twice, heals what is killed, stops."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from local_stack.packages import may_install
from local_stack.ports import free_ports, is_free
from local_stack.rabbitmq_node import find_scripts
from local_stack.stack import compose, environment
from local_stack.stack.environment import SECRETS
from local_stack.stack.supervisor import Supervisor
from local_stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("docker-compose.yml", "docker-compose.tls.yml", ".dockerignore", "requirements.txt")
DIRECTORIES = ("shared/cqrs", "master_service", "replica_service", "notifier_service")
SERVICE_IMAGES = ("master-service", "replica-service", "notifier-service")
CONVERGED_SECONDS = 90

IN_CONTAINERS = not compose.why_not()
HAS_RABBITMQ = find_scripts() is not None or may_install()
KINDS = [*(["local"] if HAS_RABBITMQ else []), *(["docker"] if IN_CONTAINERS else [])]
#: One kind in every run, that of `make up` on this machine; the other one takes as long again.
HEALED = [
    pytest.param("local", marks=pytest.mark.slow) if kind == "local" and IN_CONTAINERS else kind
    for kind in KINDS
]
pytestmark = pytest.mark.timeout(900)

#: What the printed lines wait for, so that both can be pasted at once.
PAUSE = "sleep 1; "


@dataclass
class Checkout:
    """A copy of what the stack needs, with ports of its own."""

    directory: Path
    kind: str
    ports: list[int] = field(default_factory=lambda: free_ports(4))

    @property
    def variables(self) -> dict[str, str]:
        master, replica, broker, management = self.ports
        return {
            **os.environ,
            "STACK": self.kind,
            "COMPOSE_PROJECT_NAME": f"stacktest{master}",
            "MASTER_PORT": str(master),
            "REPLICA_PORT": str(replica),
            "RABBITMQ_PORT": str(broker),
            "RABBITMQ_MANAGEMENT_PORT": str(management),
            "WEB_CONCURRENCY": "1",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local_stack", command],
            cwd=self.directory,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def up(self) -> str:
        done = self.run("up")
        assert done.returncode == 0, done.stdout
        return done.stdout

    def shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.directory, capture_output=True, text=True, check=True
        )
        return done.stdout

    def create_artist(self, name: str) -> httpx.Response:
        token = environment.read_dotenv(self.directory / ".env")["API_TOKEN"]
        return httpx.post(
            f"http://127.0.0.1:{self.ports[0]}/api/artists/",
            json={"name": name},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )

    def artists(self, port: int) -> list[Any]:
        url: str | None = f"http://127.0.0.1:{port}/api/artists/"
        found: list[Any] = []
        while url:
            page = httpx.get(url, timeout=20).raise_for_status().json()
            found += [(row["id"], row["name"], row["cqrs_revision"]) for row in page["results"]]
            url = page["next"]
        return sorted(found)

    def assert_replica_equals_master(self) -> None:
        assert self.artists(self.ports[1]) == self.artists(self.ports[0])


@pytest.fixture
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkout]:
    directory = tmp_path / "checkout"
    for name in DIRECTORIES:
        ignored = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "tests", ".*_cache")
        shutil.copytree(ROOT / name, directory / name, ignore=ignored)
    for name in COPIED:
        shutil.copy(ROOT / name, directory / name)
    made = Checkout(directory, request.param)
    yield made
    done = made.run("clean")
    assert done.returncode == 0, done.stdout
    remove_images(made)


def remove_images(checkout: Checkout) -> None:
    project = checkout.variables["COMPOSE_PROJECT_NAME"]
    images = [f"{project}-{service}" for service in SERVICE_IMAGES]
    if checkout.kind == "docker":
        subprocess.run(["docker", "image", "rm", *images], capture_output=True, check=False)


@dataclass
class Writer:
    """Creates artists in the background, as long as it is not told to stop."""

    checkout: Checkout
    stopped: threading.Event = field(default_factory=threading.Event)
    created: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopped.set()
        self._thread.join()

    def _run(self) -> None:
        for number in itertools.count():
            if self.stopped.wait(0.05):
                return
            try:
                response = self.checkout.create_artist(f"artist {number}")
            except httpx.HTTPError:
                continue  # its server was killed: whether it was created, the master knows
            if response.status_code == httpx.codes.CREATED:
                self.created.add(f"artist {number}")


def kill_processes(checkout: Checkout) -> None:
    """SIGKILL every process of the stack without Docker, each time waiting for its successor."""
    supervisor = Supervisor(checkout.directory / ".stack")
    for name in [state["name"] for state in supervisor.states()]:
        before = pid_of(supervisor, name)
        os.kill(before, signal.SIGKILL)
        eventually(lambda: assert_replaced(supervisor, name, before), within_seconds=60)  # noqa: B023


def kill_containers(checkout: Checkout) -> None:
    """SIGKILL the first process of every container, which Docker's own kill would not restart."""
    for container in compose_containers(checkout):
        pid = container_pid(container)
        if os.geteuid() != 0 or not Path(f"/proc/{pid}").exists():
            return  # an engine in a virtual machine, or not ours to kill
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: assert_restarted(container, pid), within_seconds=60)  # noqa: B023


def compose_containers(checkout: Checkout) -> list[str]:
    command = ["docker", "compose", "ps", "--quiet"]
    return subprocess.check_output(
        command, cwd=checkout.directory, env=checkout.variables, text=True
    ).split()


def container_pid(container: str) -> int:
    command = ["docker", "inspect", "--format", "{{.State.Pid}}", container]
    return int(subprocess.check_output(command, text=True))


def assert_restarted(container: str, pid: int) -> None:
    assert container_pid(container) not in (0, pid)


def who_am_i(checkout: Checkout, user: str, password: str) -> int:
    url = f"http://127.0.0.1:{checkout.ports[3]}/api/whoami"
    return httpx.get(url, auth=(user, password), timeout=20).status_code


def admin_password(checkout: Checkout) -> str:
    return environment.read_dotenv(checkout.directory / ".env")["RABBITMQ_ADMIN_PASSWORD"]


def pid_of(supervisor: Supervisor, name: str) -> int:
    (pid,) = [state["pid"] for state in supervisor.states() if state["name"] == name]
    return int(pid)


def assert_found(answer: str) -> None:
    assert '"count":1' in answer


def assert_replaced(supervisor: Supervisor, name: str, pid: int) -> None:
    assert pid_of(supervisor, name) not in (0, pid)


@pytest.mark.parametrize("checkout", HEALED, indirect=True)
def test_the_stack_runs_twice_heals_and_stops(checkout: Checkout) -> None:
    # Given a stack that was started twice
    assert f"starting the {checkout.kind} stack: STACK={checkout.kind}" in checkout.up()
    last_words = checkout.up()
    assert f"curl -X POST http://127.0.0.1:{checkout.ports[0]}/api/tracks/" in last_words

    # And the two lines that it prints, which do what they say
    post, _, get = last_words.partition("  curl -X")[2].partition("make demo")[0].partition(PAUSE)
    assert '"name":"Blue Train"' in checkout.shell(f"curl -X{post}")
    eventually(lambda: assert_found(checkout.shell(get)), within_seconds=60)

    # When every process is killed while rows are written
    with Writer(checkout) as writer:
        eventually(lambda: checkout.artists(checkout.ports[1])[5], within_seconds=60)
        if checkout.kind == "local":
            kill_processes(checkout)
        else:
            kill_containers(checkout)

    # Then the replica ends with the rows of the master
    eventually(checkout.assert_replica_equals_master, within_seconds=CONVERGED_SECONDS)
    assert writer.created <= {name for _, name, _ in checkout.artists(checkout.ports[0])}

    # And nobody comes in as guest
    assert who_am_i(checkout, "guest", "guest") == httpx.codes.UNAUTHORIZED
    assert who_am_i(checkout, "admin", admin_password(checkout)) == httpx.codes.OK

    # And stopping leaves nothing, however often
    assert checkout.run("down").returncode == 0
    assert "nothing is running" in checkout.run("down").stdout
    assert all(is_free(port) for port in checkout.ports)

    # And the next start finds the data
    checkout.up()
    eventually(checkout.assert_replica_equals_master, within_seconds=CONVERGED_SECONDS)
    assert len(checkout.artists(checkout.ports[1])) >= len(writer.created)


@pytest.mark.parametrize("checkout", KINDS, indirect=True)
def test_a_taken_port_is_named_with_the_variable_that_changes_it(checkout: Checkout) -> None:
    port = checkout.ports[0]
    with socket.create_server(("127.0.0.1", port)):
        done = checkout.run("up")

    assert done.returncode == 1
    assert f"make up MASTER_PORT={port + 1000}" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not IN_CONTAINERS, reason="docker-compose.tls.yml is for containers")
@pytest.mark.parametrize("checkout", ["docker"], indirect=True)
def test_changes_arrive_over_tls_with_secrets_from_files(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_FILE", "docker-compose.yml:docker-compose.tls.yml")
    assert checkout.run("secrets").returncode == 0

    checkout.up()

    assert checkout.create_artist("Coltrane").status_code == httpx.codes.CREATED
    eventually(lambda: checkout.artists(checkout.ports[1])[0], within_seconds=60)
    eventually(checkout.assert_replica_equals_master, within_seconds=CONVERGED_SECONDS)
    passwords = environment.read_dotenv(checkout.directory / ".env")
    shown = "".join(inspected(container) for container in compose_containers(checkout))
    assert "CQRS_PASSWORD_FILE=" in shown
    assert not [name for name, value in passwords.items() if name in SECRETS and value in shown]


def inspected(container: str) -> str:
    return subprocess.check_output(["docker", "inspect", container], text=True)


@pytest.mark.parametrize("checkout", ["local"], indirect=True)
def test_without_rabbitmq_files_carry_the_messages(checkout: Checkout) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROKER", "filesystem")

        words = checkout.up()

    assert "warning: messages go through files in" in words
    assert "curl -X POST" in words
    assert checkout.create_artist("Embedded").status_code == httpx.codes.CREATED
    eventually(lambda: checkout.artists(checkout.ports[1])[0], within_seconds=60)
    eventually(checkout.assert_replica_equals_master, within_seconds=CONVERGED_SECONDS)
    assert not (checkout.directory / ".stack" / "rabbitmq").exists()
