"""A broker that has no memory, is stopped or killed."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from dj_cqrs.exceptions import BrokerUnreachableError, TransportError
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.transport.faults import away, background
from tests.transport.messages import (
    CONFIRMED,
    FAILED,
    fails,
    message,
    messages,
    nothing_arrives,
    numbers,
    receive,
)


class Alarm:
    """The broker's memory alarm."""

    def __init__(self, rabbitmq: RabbitMQServer) -> None:
        self._rabbitmq = rabbitmq
        self._is_on = False

    def go_off(self) -> None:
        self._is_on = True
        self._rabbitmq.ctl("set_vm_memory_high_watermark", "0")

    def clear(self) -> None:
        if self._is_on:
            self._rabbitmq.ctl("set_vm_memory_high_watermark", "0.6")
        self._is_on = False


class TestAlarm:
    """A broker without memory blocks those who publish."""

    @pytest.fixture
    def alarm(self, rabbitmq: RabbitMQServer) -> Iterator[Alarm]:
        alarm = Alarm(rabbitmq)
        yield alarm
        alarm.clear()

    def test_blocked_batch_fails_when_its_time_is_over(
        self, alarm: Alarm, publisher: Publisher, consumer: Consumer
    ) -> None:
        assert publisher.publish(messages([0]), timeout_seconds=10) == [CONFIRMED]
        alarm.go_off()
        started = time.monotonic()

        assert publisher.publish(messages(range(1, 4)), timeout_seconds=1) == [FAILED] * 3

        assert time.monotonic() - started < 6
        alarm.clear()
        assert publisher.publish(messages([4]), timeout_seconds=30) == [CONFIRMED]

    def test_publisher_does_not_stay_blocked_for_longer_than_configured(
        self,
        alarm: Alarm,
        publisher: Publisher,
        consumer: Consumer,
        settings: Settings,
    ) -> None:
        settings.CQRS = {**settings.CQRS, "blocked_connection_timeout": 1}
        alarm.go_off()
        started = time.monotonic()

        with pytest.raises(BrokerUnreachableError, match="Blocked"):
            publisher.publish(messages([1]), timeout_seconds=60)

        assert time.monotonic() - started < 6


class TestBrokerGoesAway:
    """The broker is stopped and killed; what it confirmed, it has."""

    def test_consumer_and_publisher_are_told_and_go_on_after(
        self,
        rabbitmq: RabbitMQServer,
        publisher: Publisher,
        consumer: Consumer,
        new_consumer: Callable[[], Consumer],
    ) -> None:
        publisher.publish(messages(range(10)), timeout_seconds=10)
        received = receive(consumer, 10)
        consumer.ack(received[:5])
        assert nothing_arrives(consumer)

        with away(rabbitmq.stop, rabbitmq.start):
            fails(consumer)
            with pytest.raises(TransportError):
                RabbitMQTransport.consumer(["track"])
            for _ in range(2):
                with pytest.raises(TransportError):
                    publisher.publish(messages([10]), timeout_seconds=10)

        assert publisher.publish(messages([10]), timeout_seconds=30) == [CONFIRMED]
        assert sorted(numbers(receive(new_consumer(), 6))) == [5, 6, 7, 8, 9, 10]

    @pytest.mark.parametrize("way", [pytest.param("stop", marks=pytest.mark.slow), "kill"])
    def test_nothing_confirmed_is_missing_after_the_broker_went_away_under_load(
        self,
        rabbitmq: RabbitMQServer,
        publisher: Publisher,
        new_consumer: Callable[[], Consumer],
        way: str,
    ) -> None:
        new_consumer().close()
        confirmed: set[int] = set()
        under_way = threading.Event()
        # RabbitMQ writes down the existence of a quorum queue about a second after it says so; a
        # node that is killed before comes back with a queue that never confirms anything.
        queue_is_known_at = time.monotonic() + 2

        def publish_until_it_fails() -> None:
            with contextlib.suppress(TransportError):
                for start in itertools.count(step=100):
                    batch = range(start, start + 100)
                    outcomes = publisher.publish(messages(batch), timeout_seconds=10)
                    assert FAILED not in outcomes
                    confirmed.update(batch)
                    if time.monotonic() > queue_is_known_at:
                        under_way.set()

        with background(publish_until_it_fails):
            assert under_way.wait(timeout=30)
            with away(getattr(rabbitmq, way), rabbitmq.start):
                pass

        def publisher_works_again() -> None:
            # The first try may go unconfirmed: the queue still recovers when the broker listens.
            assert publisher.publish([message(-1)], timeout_seconds=3) == [CONFIRMED]

        eventually(publisher_works_again, within_seconds=30)
        confirmed.add(-1)
        consumer = new_consumer()
        arrived: set[int] = set()
        while batch := consumer.receive(max_messages=1000, timeout_seconds=2):
            arrived.update(numbers(batch))
            consumer.ack(batch)
        assert confirmed <= arrived
