"""MemoryTransport does what every transport must do, within one process."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.transport import BaseTransport
from dj_cqrs.transport.base import Delivery
from dj_cqrs.transport.memory import MemoryTransport, broker
from tests.transport.conformance import EVERYTHING, No, TransportConformance

IN_ONE_PROCESS = No("the broker lives and ends with its process")


class TestMemory(TransportConformance):
    promises = replace(
        EVERYTHING,
        durable=IN_ONE_PROCESS,
        redelivers_after_a_crash=IN_ONE_PROCESS,
        durable_delays=IN_ONE_PROCESS,
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
    ) -> Callable[[], list[Delivery]]:
        names: dict[str, Any] = settings.CQRS

        def take() -> list[Delivery]:
            taken = broker.take(f"dead_letter_{names['queue']}", 100, 0)
            return [
                Delivery(one.body, one.routing_key, one.headers, one.redelivered, tag=0)
                for one in taken
            ]

        return take
