"""Workers that are restarted often, and the broker's limit of deliveries."""

from typing import Any

import pytest

from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import OutgoingMessage, Publisher
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.expectations import expect

#: More than RabbitMQ 4 allows where nobody says anything.
_RESTARTS = 25
_COUNT = 3


@pytest.fixture
def waiting(transport: type[RabbitMQTransport], cqrs: dict[str, Any], publisher: Publisher) -> str:
    """Messages in the queue of this service; returns its name."""
    transport.declare()
    queue = str(cqrs["queue"])
    key = f"cqrs.{queue}.item"
    messages = [OutgoingMessage(str(number), key, b"{}") for number in range(_COUNT)]
    publisher.publish(messages, timeout_seconds=30)
    return queue


def _restart_often() -> None:
    """Workers take messages, and end before they have done any."""
    for _ in range(_RESTARTS):
        consumer = RabbitMQTransport.consumer()
        consumer.receive(max_messages=_COUNT, timeout_seconds=10)
        consumer.close()


def _kept() -> tuple[int, int]:
    """Messages in the queue, and among the dead letters."""
    letters = RabbitMQTransport.dead_letters()
    try:
        return RabbitMQTransport.status().ready or 0, letters.count()
    finally:
        letters.close()


def test_the_policy_of_the_stack_keeps_messages_through_any_number_of_restarts(
    waiting: str, rabbitmq: RabbitMQServer, request: pytest.FixtureRequest
) -> None:
    name, limit = f"limits-{waiting}", '{"delivery-limit": 1000}'
    rabbitmq.ctl("set_policy", name, f"^{waiting}$", limit, "--apply-to", "queues")
    request.addfinalizer(lambda: rabbitmq.ctl("clear_policy", name))

    _restart_often()

    eventually(lambda: expect(_kept() == (_COUNT, 0)))


def test_without_a_policy_nothing_is_lost_either(waiting: str) -> None:
    """RabbitMQ 3 has no limit; RabbitMQ 4 hands messages to the dead letters after 20."""
    _restart_often()

    eventually(lambda: expect(sum(_kept()) == _COUNT))
