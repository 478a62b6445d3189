"""The worker on a real broker: poison, a restart in the middle, a message that kills workers."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.settlement import Settlement
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.app.replica_models import Item
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def transport(settings: Any, rabbitmq_url: str) -> type[RabbitMQTransport]:
    """The transport, with a queue of this test's own."""
    settings.CQRS = {
        **settings.CQRS,
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": rabbitmq_url,
        "queue": f"replica_{uuid4().hex}",
    }
    RabbitMQTransport.declare()
    return RabbitMQTransport


@pytest.fixture
def publish(transport: type[RabbitMQTransport]) -> Iterator[Callable[..., None]]:
    publisher = transport.publisher()

    def publish(*bodies: bytes) -> None:
        messages = [
            OutgoingMessage(str(number), "item", body, save(0).headers)
            for number, body in enumerate(bodies)
        ]
        outcomes = publisher.publish(messages, timeout_seconds=30)
        assert set(outcomes) == {PublishOutcome.CONFIRMED}

    yield publish
    publisher.close()


@pytest.fixture
def start(transport: type[RabbitMQTransport]) -> Iterator[Callable[..., Worker]]:
    started: list[tuple[Worker, threading.Thread]] = []

    def start(applier: InboxApplier | None = None) -> Worker:
        worker = Worker(
            transport.consumer,
            applier or InboxApplier(),
            batch_size=50,
            longest_back_off_seconds=0.5,
        )
        thread = threading.Thread(target=worker.run, daemon=True)
        started.append((worker, thread))
        thread.start()
        return worker

    yield start
    for worker, thread in started:
        worker.stop()
        thread.join(20)
        assert not thread.is_alive()
    connections.close_all()


def bodies(count: int, name: str, first: int = 0) -> list[bytes]:
    return [save(0, pk=number, name=name).body for number in range(first, first + count)]


def test_everything_arrives_around_poison(
    publish: Callable[..., None], start: Callable[..., Worker]
) -> None:
    start()
    start()
    publish(*bodies(100, "x"), b"\xff", b"1", *bodies(100, "y", first=100))

    eventually(lambda: _assert_counts(items=200, parked=2))


def test_a_restart_of_the_broker_loses_nothing(
    publish: Callable[..., None], start: Callable[..., Worker], rabbitmq: RabbitMQServer
) -> None:
    start()
    publish(*bodies(50, "x"))
    eventually(lambda: _assert_counts(items=50))

    rabbitmq.restart()
    eventually(lambda: publish(*bodies(50, "y", first=50)))

    eventually(lambda: _assert_counts(items=100), within_seconds=60)


def test_a_message_that_kills_its_workers_is_set_aside(
    publish: Callable[..., None], start: Callable[..., Worker]
) -> None:
    """The broker counts deliveries of a message that is never settled; then it is parked."""

    class DyingApplier(InboxApplier):
        deaths = 0

        def apply(self, deliveries: Any) -> Iterator[Settlement]:
            counts = [delivery.headers.get("x-delivery-count") or 0 for delivery in deliveries]
            if max(counts) < 2:
                DyingApplier.deaths += 1
                raise RuntimeError("as if the process had been killed")
            return super().apply(deliveries)

    publish(*bodies(1, "killer"))
    start(DyingApplier())

    eventually(lambda: _assert_counts(parked=1))
    assert DyingApplier.deaths == 2
    assert "delivered 2 times before" in ParkedMessage.objects.get().reason


def _assert_counts(items: int = 0, parked: int = 0) -> None:
    assert (Item.objects.count(), ParkedMessage.objects.count()) == (items, parked)
