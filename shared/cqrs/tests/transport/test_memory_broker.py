"""The memory broker goes by its clock."""

import threading

from dj_cqrs.transport.base import OutgoingMessage
from dj_cqrs.transport.memory_broker import MemoryBroker


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def outgoing(body: bytes, *, expiration_seconds: float | None = None) -> OutgoingMessage:
    return OutgoingMessage("", "track", body, expiration_seconds=expiration_seconds)


def test_delayed_messages_are_there_when_the_clock_says_so() -> None:
    clock = Clock()
    broker = MemoryBroker(clock)
    broker.put("queue", outgoing(b"late"), delay_seconds=60)
    broker.put("queue", outgoing(b"soon"), delay_seconds=10)

    assert broker.take("queue", 10, 0) == []
    clock.now += 10
    assert [message.body for message in broker.take("queue", 10, 0)] == [b"soon"]
    clock.now += 50
    assert [message.body for message in broker.take("queue", 10, 0)] == [b"late"]


def test_consumer_that_waits_is_woken_when_the_clock_is_turned() -> None:
    clock = Clock()
    broker = MemoryBroker(clock)
    broker.put("queue", outgoing(b"1"), delay_seconds=3600)
    taken: list[bytes] = []

    def take() -> None:
        taken.extend(message.body for message in broker.take("queue", 10, 30))

    thread = threading.Thread(target=take)
    thread.start()
    clock.now += 3600
    broker.clock_was_turned()
    thread.join(timeout=10)

    assert taken == [b"1"]


def test_expired_messages_are_gone() -> None:
    clock = Clock()
    broker = MemoryBroker(clock)
    broker.bind("queue", "track")
    broker.publish(outgoing(b"short", expiration_seconds=5))
    broker.publish(outgoing(b"for ever"))

    clock.now += 5

    assert [message.body for message in broker.messages("queue")] == [b"for ever"]
