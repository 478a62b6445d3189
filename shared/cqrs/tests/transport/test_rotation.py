"""Credentials that are rotated while everything runs: nobody has to be started anew."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connections

from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import RabbitMQTransport
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.app.replica_models import Item
from tests.expectations import expect
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


class User:
    """A user of the broker, whose password is in a file."""

    def __init__(self, server: RabbitMQServer, file: Path) -> None:
        self.name = f"rotated-{uuid.uuid4().hex[:8]}"
        self._server = server
        self._file = file
        server.ctl("add_user", self.name, "first")
        server.ctl("set_permissions", self.name, ".*", ".*", ".*")
        file.write_text("first\n")

    @property
    def url(self) -> str:
        parts = urlsplit(self._server.url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{self.name}@{place}"))

    def rotate(self) -> None:
        """The broker first, so that for a while the file's password is wrong."""
        self._server.ctl("change_password", self.name, "second")
        self.cut()
        eventually(lambda: expect(self.connections() == 0))
        self._file.write_text("second\n")

    def cut(self) -> None:
        """Closes the connections of this user, as an administrator does."""
        self._server.ctl("close_all_user_connections", self.name, "rotated")

    def connections(self) -> int:
        return self._server.ctl("list_connections", "-q", "user").split().count(self.name)


@pytest.fixture
def user(rabbitmq: RabbitMQServer, cqrs: dict[str, Any], settings: Any, tmp_path: Path) -> User:
    user = User(rabbitmq, tmp_path / "password")
    settings.CQRS = {**cqrs, "url": user.url, "password_file": str(tmp_path / "password")}
    return user


@pytest.fixture
def running(user: User) -> Iterator[threading.Event]:
    """A relay and a worker in threads."""
    RabbitMQTransport.declare()
    stop = threading.Event()
    publisher = RabbitMQTransport.publisher()
    relay = Relay(publisher, using="default", batch_size=10)
    worker = Worker(
        RabbitMQTransport.consumer, InboxApplier(), batch_size=10, longest_back_off_seconds=0.5
    )

    def run_relay() -> None:
        relay.run(stop.is_set)
        publisher.close()
        connections.close_all()

    threads = [threading.Thread(target=run_relay), threading.Thread(target=worker.run)]
    for thread in threads:
        thread.start()
    yield stop
    stop.set()
    worker.stop()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def _send(pk: int) -> None:
    raw = save(0, pk=pk, name="x")
    OutboxMessage.objects.create(
        cqrs_id="item", routing_key=raw.routing_key, body=raw.body, headers=dict(raw.headers)
    )
    eventually(lambda: Item.objects.get(pk=pk), within_seconds=60, retry_on=(Item.DoesNotExist,))


def test_workers_and_relay_come_back_with_the_new_password(
    user: User, running: threading.Event
) -> None:
    _send(1)
    assert user.connections() == 2

    user.rotate()

    _send(2)
    assert user.connections() == 2
