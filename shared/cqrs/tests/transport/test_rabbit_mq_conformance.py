"""RabbitMQTransport does what every transport must do."""

from collections.abc import Callable
from typing import Any

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from dj_cqrs.transport import BaseTransport, RabbitMQTransport
from dj_cqrs.transport.base import Delivery
from local_stack.servers import RabbitMQServer
from tests.transport.conformance import EVERYTHING, TransportConformance


class TestRabbitMQ(TransportConformance):
    promises = EVERYTHING

    @pytest.fixture
    def transport(self, cqrs: dict[str, Any]) -> type[BaseTransport]:
        return RabbitMQTransport

    @pytest.fixture
    def dead_letters(
        self, cqrs: dict[str, Any], amqp: BlockingChannel
    ) -> Callable[[], list[Delivery]]:
        queue = f"dead_letter_{cqrs['queue']}"

        def take() -> list[Delivery]:
            taken = []
            while (got := amqp.basic_get(queue, auto_ack=True))[0] is not None:
                method, properties, body = got
                headers = properties.headers or {}
                taken.append(
                    Delivery(body, method.routing_key, headers, method.redelivered, tag=0)
                )
            return taken

        return take

    @pytest.fixture
    def restart(self, rabbitmq: RabbitMQServer) -> Callable[[], None]:
        return rabbitmq.restart
