"""What the tests of the consumer's pitfalls send, and where they look for it."""

from typing import Any
from uuid import uuid4

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome
from dj_cqrs.transport.memory import broker
from dj_cqrs.transport.memory_broker import StoredMessage
from tests.app.replica_models import Notifier
from tests.replica.support import save

Status = ParkedMessage.Status

#: Of tests/settings.py.
MAX_RETRIES = 3


def publish(*messages: RawMessage) -> None:
    for message in messages:
        broker.publish(OutgoingMessage("", message.routing_key, message.body, message.headers))


def note(name: str, pk: int = 1, **kwargs: Any) -> RawMessage:
    """A message for the model without a database."""
    return save(0, cqrs_id="notifier", pk=pk, name=name, **kwargs)


def names() -> list[str]:
    """What arrived at the model without a database."""
    return [received[1]["name"] for received in list(Notifier.received)]


def letters() -> list[StoredMessage]:
    return broker.messages("dead_letter_replica")


def replica_settings(settings: Any, **changes: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {**settings.CQRS["replica"], **changes}}


def on_rabbitmq(settings: Any, url: str, **replica: Any) -> None:
    """Uses a real broker, with an exchange and a queue of this test's own."""
    unique = uuid4().hex
    settings.CQRS = {
        **settings.CQRS,
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": url,
        "exchange": f"cqrs_{unique}",
        "queue": f"replica_{unique}",
        "replica": {**settings.CQRS["replica"], **replica},
    }
    RabbitMQTransport.declare()


def publish_on_rabbitmq(*messages: RawMessage) -> None:
    publisher = RabbitMQTransport.publisher()
    outgoing = [
        OutgoingMessage(str(number), each.routing_key, each.body, each.headers)
        for number, each in enumerate(messages)
    ]
    outcomes = publisher.publish(outgoing, timeout_seconds=30)
    publisher.close()
    assert set(outcomes) == {PublishOutcome.CONFIRMED}
