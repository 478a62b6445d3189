"""What users call of ``KombuTransport``, on a broker of files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.controller import consumer as controller
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.transport import KombuTransport
from tests.transport.kombu_settings import fresh_settings


@pytest.fixture(autouse=True)
def _broker_of_files(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.CQRS = fresh_settings(f"filesystem://{tmp_path}/broker")
    yield
    KombuTransport.clean_connection()


def waiting() -> list[str]:
    """Routing keys of what is in the queue."""
    consumer = KombuTransport.consumer()
    try:
        deliveries = consumer.receive(max_messages=10, timeout_seconds=1)
        consumer.ack(deliveries)
        return [delivery.routing_key for delivery in deliveries]
    finally:
        consumer.close()


def test_a_payload_is_produced_to_everybody_or_to_one_queue(settings: Settings) -> None:
    KombuTransport.declare()
    queue = settings.CQRS["queue"]

    KombuTransport.produce(TransportPayload("SAVE", "item", {"id": 1}, 1))
    KombuTransport.produce(TransportPayload("SYNC", "item", {"id": 1}, 1, queue=queue))
    KombuTransport.clean_connection()
    KombuTransport.produce(TransportPayload("DELETE", "item", {"id": 1}, 1))

    assert waiting() == ["item", f"cqrs.{queue}.item", "item"]


def test_consuming_is_the_work_of_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(controller, "run", lambda *arguments: calls.append(arguments))

    KombuTransport.consume(["item"])

    assert calls == [(KombuTransport, ["item"])]


def test_a_transport_of_ones_own_says_how_often_it_tries(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(KombuTransport):
        PRODUCER_RETRIES = 3

    settings.CQRS = {**settings.CQRS, "url": "filesystem:///proc/nowhere"}
    KombuTransport.clean_connection()

    for transport, retries in ((Stubborn, 3), (KombuTransport, 1)):
        caplog.clear()
        transport.produce(TransportPayload("SAVE", "item", {"id": 1}, 1))

        assert sum("Reconnect..." in line for line in caplog.messages) == retries
        assert caplog.messages[-1] == "CQRS couldn't be published: pk = 1 (item)."
