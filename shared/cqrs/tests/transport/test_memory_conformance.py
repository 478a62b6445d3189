"""MemoryTransport does what every transport must do."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.transport import BaseTransport
from dj_cqrs.transport.memory import MemoryTransport, broker
from tests.transport.conformance import Features, TransportConformance


class TestMemory(TransportConformance):
    features = Features(
        knows_unroutable=True,
        keeps_messages=True,
        marks_redelivered=True,
        keeps_dead_letters=True,
    )

    @pytest.fixture
    def transport(self, settings: Settings) -> Iterator[type[BaseTransport]]:
        settings.CQRS = {
            "transport": "dj_cqrs.transport.memory.MemoryTransport",
            "queue": f"queue-{uuid.uuid4().hex[:12]}",
        }
        yield MemoryTransport
        broker.reset()

    @pytest.fixture
    def dead_letters(
        self, transport: type[BaseTransport], settings: Settings
    ) -> Callable[[], list[bytes]]:
        names: dict[str, Any] = settings.CQRS
        return lambda: [
            message.body for message in broker.messages(f"dead_letter_{names['queue']}")
        ]
