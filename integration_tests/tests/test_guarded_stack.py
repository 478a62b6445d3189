"""The whole way of a change with closed doors: TLS, least privilege, and secrets from files."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from integration_tests import broker, databases, process_tree
from integration_tests.clients import MasterClient, ReplicaClient
from integration_tests.guarded import GuardedBroker, guarded_broker
from integration_tests.process import ServiceProcess
from integration_tests.services import API_TOKEN, Master, Notifier, Replica
from integration_tests.shelf import fill_shelf, unique
from integration_tests.stack import Servers, Templates
from integration_tests.webhook import Webhook, webhook
from local_stack.rabbitmq_node import find_scripts
from local_stack.waiting import eventually


@dataclass(frozen=True, slots=True)
class GuardedStack:
    """All services, each with its own user, over TLS; and every secret that there is."""

    broker: GuardedBroker
    master: Master
    replica: Replica
    notifier: Notifier
    receiver: Webhook
    secrets: tuple[str, ...]

    @property
    def processes(self) -> tuple[ServiceProcess, ...]:
        return (*self.master.processes, *self.replica.processes, self.notifier.consumer)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    if find_scripts() is None:
        pytest.skip("a broker with TLS is a private node, and RabbitMQ is not installed here")
    with guarded_broker(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
def guarded_stack(
    guarded: GuardedBroker, servers: Servers, templates: Templates, tmp_path: Path
) -> Iterator[GuardedStack]:
    token = uuid4().hex[:8]
    known: list[str] = [API_TOKEN, *guarded.passwords.values()]

    def secret_file(name: str, value: str) -> str:
        path = tmp_path / name
        path.write_text(f"{value}\n")
        known.append(value)
        return str(path)

    def came_in_as(user: str) -> dict[str, str]:
        return {
            "CQRS_PASSWORD_FILE": secret_file(f"{user}-broker", guarded.passwords[user]),
            "CQRS_CA_FILE": str(guarded.ca_file),
        }

    def with_database(user: str, url: str) -> tuple[str, dict[str, str]]:
        """The URL without its password, and where that is; what the server itself does not ask."""
        parts = urlsplit(url)
        password = secret_file(f"{user}-database", secrets.token_urlsafe())
        bare = parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}")
        variables = {"SECRET_KEY": "", "DATABASE_PASSWORD_FILE": password}
        variables["SECRET_KEY_FILE"] = secret_file(f"{user}-key", secrets.token_urlsafe(48))
        return urlunsplit(bare), variables

    master_url, master_variables = with_database(
        "master",
        databases.copy_database(servers.master_postgres, templates.master, f"guarded_m_{token}"),
    )
    replica_url, replica_variables = with_database(
        "replica",
        databases.copy_database(servers.replica_postgres, templates.replica, f"guarded_r_{token}"),
    )
    with webhook() as receiver, ExitStack() as running:
        stack = GuardedStack(
            broker=guarded,
            master=Master(
                database_url=master_url,
                broker_url=guarded.tls_url("master"),
                directory=tmp_path,
                environment={**master_variables, **came_in_as("master")},
            ),
            replica=Replica(
                database_url=replica_url,
                broker_url=guarded.tls_url("replica"),
                directory=tmp_path,
                environment={**replica_variables, **came_in_as("replica")},
            ),
            notifier=Notifier(
                broker_url=guarded.tls_url("notifier"),
                directory=tmp_path,
                webhook_url=receiver.url,
                environment={**came_in_as("notifier"), "CQRS_MAX_RETRIES": "1"},
            ),
            receiver=receiver,
            secrets=tuple(known),
        )
        for process in stack.processes:
            running.callback(process.kill)
        # The deploy step, before anything is published.
        stack.replica.manage("cqrs_declare")
        stack.notifier.manage("cqrs_declare")
        for process in stack.processes:
            process.start()
        stack.master.wait_until_ready()
        stack.replica.wait_until_ready()
        yield stack


def test_changes_dead_letters_and_retries_need_no_more_rights_than_there_are(
    guarded_stack: GuardedStack,
) -> None:
    stack = guarded_stack
    with MasterClient(stack.master.url) as master, ReplicaClient(stack.replica.url) as replica:
        # A change arrives,
        (track_id,) = fill_shelf(master).track_ids
        eventually(lambda: _assert_price(replica, track_id, "0.99"), within_seconds=90)

        # what cannot be applied is kept by the replica,
        broker.publish(stack.broker.url("admin"), "artist", b"certainly not JSON")
        eventually(lambda: _assert_kept(stack, b"certainly not JSON"), within_seconds=60)

        # what is refused waits in the broker, and then among the dead letters there,
        stack.receiver.status = HTTPStatus.SERVICE_UNAVAILABLE
        master.reprice([track_id], "0.79")
        dead = "dead_letter_notifier"
        eventually(lambda: _assert_depth(stack, dead, 1), within_seconds=90)
        assert len(stack.receiver.refused) > 1

        # from where it comes back.
        stack.receiver.status = HTTPStatus.NO_CONTENT
        stack.notifier.manage("cqrs_dead_letters", "retry")
        eventually(lambda: _assert_taken(stack.receiver, track_id), within_seconds=60)
        assert broker.queue_depth(stack.broker.url("admin"), dead) == 0

        # And the others go on.
        artist = master.create("artists", name=unique("Artist"))
        eventually(lambda: _assert_there(replica, artist["id"]), within_seconds=60)

    _assert_nobody_tells_a_secret(stack)


def test_a_broker_that_nobody_vouches_for_gets_no_password(
    guarded: GuardedBroker, tmp_path: Path
) -> None:
    notifier = Notifier(
        broker_url=guarded.tls_url("notifier"),
        directory=tmp_path,
        environment={"CQRS_PASSWORD": guarded.passwords["notifier"]},  # and no authority
    )

    with pytest.raises(AssertionError, match=r"CQRS\['tls'\] as ca_file") as caught:
        notifier.manage("cqrs_declare")

    assert guarded.passwords["notifier"] not in str(caught.value)


def _assert_price(replica: ReplicaClient, track_id: int, price: str) -> None:
    row = replica.get("tracks", track_id)
    assert row is not None
    assert row["unit_price"] == price


def _assert_there(replica: ReplicaClient, artist_id: int) -> None:
    assert replica.get("artists", artist_id) is not None


def _assert_kept(stack: GuardedStack, body: bytes) -> None:
    query = "SELECT status FROM cqrs_inbox_parkedmessage WHERE body = %s"
    assert databases.rows(stack.replica.database_url, query, body) == [("dead",)]


def _assert_depth(stack: GuardedStack, queue: str, depth: int) -> None:
    assert broker.queue_depth(stack.broker.url("admin"), queue) == depth


def _assert_taken(receiver: Webhook, track_id: int) -> None:
    assert [(body["track_id"], body["price"]) for body in receiver.taken] == [(track_id, "0.79")]


def _assert_nobody_tells_a_secret(stack: GuardedStack) -> None:
    """Neither in a log, nor in the list of processes, nor in an environment."""
    told = {process.name: process.log_since(0) for process in stack.processes}
    for process in stack.processes:
        for pid in process_tree.group_members(process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            words += Path(f"/proc/{pid}/environ").read_bytes()
            told[f"{process.name} ({pid})"] = words.decode(errors="replace")
    assert len(told) > len(stack.processes)
    leaks = [name for name, text in told.items() for s in stack.secrets if s in text]
    assert not leaks
