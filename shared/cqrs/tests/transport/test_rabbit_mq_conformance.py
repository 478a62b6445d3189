"""RabbitMQTransport does what every transport must do."""

from collections.abc import Callable
from typing import Any

import pytest

from dj_cqrs.transport import BaseTransport, RabbitMQTransport
from tests.transport.conformance import Features, TransportConformance


class TestRabbitMQ(TransportConformance):
    features = Features(
        knows_unroutable=True,
        keeps_messages=True,
        marks_redelivered=True,
        keeps_dead_letters=True,
    )

    @pytest.fixture
    def transport(self, cqrs: dict[str, Any]) -> type[BaseTransport]:
        return RabbitMQTransport

    @pytest.fixture
    def dead_letters(
        self, cqrs: dict[str, Any], bodies_in: Callable[[str], list[bytes]]
    ) -> Callable[[], list[bytes]]:
        return lambda: bodies_in(f"dead_letter_{cqrs['queue']}")
