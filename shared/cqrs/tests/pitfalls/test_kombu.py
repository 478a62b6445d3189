"""What django-cqrs gets wrong with Kombu (W6, W30), and ours must not."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import KombuTransport
from dj_cqrs.transport.base import REASON_HEADER, Delivery
from local_stack.ports import free_ports
from local_stack.waiting import eventually
from tests.app.replica_models import Notifier
from tests.replica.threads import worker_threads
from tests.transport.kombu_settings import fresh_settings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(
    params=[
        pytest.param("amqp", marks=pytest.mark.broker),
        pytest.param("redis", marks=pytest.mark.broker),
        "filesystem",
    ]
)
def cqrs(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[None]:
    """``settings.CQRS`` with a fresh queue on each broker, two retries and no delay."""
    url = f"filesystem://{tmp_path}"
    if request.param != "filesystem":
        server = {"amqp": "rabbitmq", "redis": "redis"}[request.param]
        url = request.getfixturevalue(server).url
    settings.CQRS = fresh_settings(url, replica={"CQRS_MAX_RETRIES": 2, "CQRS_RETRY_DELAY": 0})
    Notifier.received.clear()
    KombuTransport.clean_connection()
    KombuTransport.declare()
    yield
    KombuTransport.clean_connection()


@pytest.fixture
def run_worker(cqrs: None) -> Iterator[Callable[[Any], None]]:
    """Starts a worker in a thread; that it lives on is part of every test."""
    with worker_threads() as start:
        yield lambda applier: start(Worker(KombuTransport.consumer, applier, batch_size=10))


def publish(*names: str) -> None:
    for name in names:
        KombuTransport.produce(TransportPayload("SAVE", "notifier", {"id": 1, "name": name}, 1))


def received() -> list[str]:
    return [data["name"] for _, data in Notifier.received]


def letters() -> list[Delivery]:
    kept = KombuTransport.dead_letters()
    try:
        return list(kept.browse())
    finally:
        kept.close()


def _assert_one_dead_letter_beside_the_neighbours() -> None:
    assert received() == ["before", "after"]
    (letter,) = letters()
    assert b'"retries":2' in letter.body.replace(b" ", b"")
    assert letter.headers[REASON_HEADER]


def test_w30_a_hook_that_raises_ends_as_a_dead_letter(run_worker: Callable[[Any], None]) -> None:
    run_worker(PlainApplier())

    publish("before", "explode", "after")

    eventually(_assert_one_dead_letter_beside_the_neighbours)


def test_w30_so_does_a_result_that_is_false(
    run_worker: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cqrs_save(data: dict[str, Any], **_: Any) -> bool:
        if data["name"] == "refused":
            return False
        Notifier.received.append(("save", data))
        return True

    monkeypatch.setattr(Notifier, "cqrs_save", cqrs_save)
    run_worker(PlainApplier())

    publish("before", "refused", "after")

    eventually(_assert_one_dead_letter_beside_the_neighbours)


def test_w30_with_an_inbox_it_is_parked(run_worker: Callable[[Any], None]) -> None:
    run_worker(InboxApplier())

    publish("before", "explode", "after")

    def check() -> None:
        assert received() == ["before", "after"]
        assert "does not like it" in ParkedMessage.objects.get().reason

    eventually(check)


@pytest.mark.parametrize("scheme", ["amqp", "redis", "filesystem"])
def test_w6_a_broker_that_refuses_never_reaches_the_caller(
    scheme: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (port,) = free_ports(1)
    url = (
        "filesystem:///proc/nowhere" if scheme == "filesystem" else f"{scheme}://127.0.0.1:{port}"
    )
    settings.CQRS = {**settings.CQRS, "url": url}
    KombuTransport.clean_connection()
    started_at = time.monotonic()

    KombuTransport.produce(TransportPayload("SAVE", "item", {"id": 1}, 1))

    assert time.monotonic() - started_at < 5
    assert "CQRS couldn't be published: pk = 1 (item)." in caplog.messages
