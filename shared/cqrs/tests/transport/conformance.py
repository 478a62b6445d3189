"""What every transport must do: one suite, run against each of them.

A transport joins with a module that subclasses ``TransportConformance``, says in ``features`` what
it promises beyond the rest, and provides the two fixtures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from pytest_django import Settings

from dj_cqrs.transport.base import BaseTransport, Consumer, Publisher
from local_stack.waiting import eventually
from tests.transport.messages import (
    CONFIRMED,
    UNROUTABLE,
    message,
    messages,
    nothing_arrives,
    numbers,
    receive,
    receive_and_ack,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a transport promises."""

    #: A message that no queue takes is reported.
    knows_unroutable: bool
    #: A queue that exists keeps messages while nobody consumes.
    keeps_messages: bool
    #: What comes a second time says so.
    marks_redelivered: bool
    #: What is rejected is kept.
    keeps_dead_letters: bool


class TransportConformance:
    """The suite. Each test has an exchange and queues of its own."""

    features: ClassVar[Features]

    @pytest.fixture
    def transport(self) -> type[BaseTransport]:
        """The transport, with ``settings.CQRS`` naming a fresh exchange and queue."""
        raise NotImplementedError

    @pytest.fixture
    def dead_letters(self) -> Callable[[], list[bytes]]:
        """Returns the bodies in the dead letter queue of ``settings.CQRS``."""
        raise NotImplementedError

    @pytest.fixture
    def consumer(self, transport: type[BaseTransport], request: pytest.FixtureRequest) -> Consumer:
        return self.new_consumer(transport, request)

    @pytest.fixture
    def publisher(self, transport: type[BaseTransport]) -> Iterator[Publisher]:
        publisher = transport.publisher()
        yield publisher
        publisher.close()

    def new_consumer(
        self, transport: type[BaseTransport], request: pytest.FixtureRequest
    ) -> Consumer:
        consumer = transport.consumer(["track", "album"])
        request.addfinalizer(consumer.close)
        return consumer

    def needs(self, promised: bool) -> None:
        if not promised:
            pytest.skip("the transport does not promise this")

    def test_message_arrives_as_it_was_sent(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        sent = message(body=b'{"a": "\xc3\xa4"}', headers={"cqrs-revisions": "monotonic"})

        assert publisher.publish([sent], timeout_seconds=10) == [CONFIRMED]

        (delivery,) = receive(consumer, 1)
        assert delivery.body == sent.body
        assert delivery.routing_key == "track"
        assert delivery.headers["cqrs-revisions"] == "monotonic"
        assert not delivery.redelivered

    @pytest.mark.parametrize("body", [b"", b"\x00\xff", b"x" * 1_000_000])
    def test_any_bytes_are_carried(
        self, publisher: Publisher, consumer: Consumer, body: bytes
    ) -> None:
        assert publisher.publish([message(body=body)], timeout_seconds=10) == [CONFIRMED]

        assert [delivery.body for delivery in receive(consumer, 1)] == [body]

    def test_order_of_a_batch_is_kept_for_a_single_consumer(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        outcomes = publisher.publish(messages(range(1200)), timeout_seconds=30)

        assert outcomes == [CONFIRMED] * 1200
        assert numbers(receive_and_ack(consumer, 1200)) == list(range(1200))

    def test_empty_batch_is_no_work(self, publisher: Publisher) -> None:
        assert publisher.publish([], timeout_seconds=1) == []

    def test_message_that_no_queue_takes_is_unroutable(self, publisher: Publisher) -> None:
        self.needs(self.features.knows_unroutable)

        assert publisher.publish([message(key="nobody")], timeout_seconds=10) == [UNROUTABLE]

    def test_outcomes_are_in_the_order_of_the_messages(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        self.needs(self.features.knows_unroutable)
        mix = [message(n, key="nobody" if n % 3 == 0 else "track") for n in range(100)]

        outcomes = publisher.publish(mix, timeout_seconds=10)

        assert outcomes == [UNROUTABLE if n % 3 == 0 else CONFIRMED for n in range(100)]
        assert numbers(receive(consumer, 66)) == [n for n in range(100) if n % 3]

    def test_message_sent_again_is_judged_again(
        self, publisher: Publisher, transport: type[BaseTransport]
    ) -> None:
        self.needs(self.features.knows_unroutable)
        assert publisher.publish(messages([1]), timeout_seconds=10) == [UNROUTABLE]

        transport.consumer(["track"]).close()

        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]

    def test_declared_queue_keeps_what_is_sent_before_the_first_consumer_starts(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        self.needs(self.features.keeps_messages)
        transport.consumer(["track"]).close()

        assert publisher.publish(messages(range(5)), timeout_seconds=10) == [CONFIRMED] * 5

        assert numbers(receive(self.new_consumer(transport, request), 5)) == list(range(5))

    def test_declaring_twice_is_harmless(self, transport: type[BaseTransport]) -> None:
        first, second = transport.declare(), transport.declare()

        assert len(first) == len(second)

    def test_receive_returns_at_once_what_is_there(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        publisher.publish(messages([1]), timeout_seconds=10)

        # Were it waiting to fill the batch, it would run into the test's time limit.
        deliveries = consumer.receive(max_messages=1000, timeout_seconds=1_000_000)

        assert numbers(deliveries) == [1]

    def test_receive_returns_nothing_when_the_time_is_over(self, consumer: Consumer) -> None:
        assert consumer.receive(max_messages=10, timeout_seconds=0) == []
        assert consumer.receive(max_messages=10, timeout_seconds=0.05) == []

    def test_receive_takes_no_more_than_asked_for(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        publisher.publish(messages(range(10)), timeout_seconds=10)

        received = consumer.receive(max_messages=3, timeout_seconds=5)

        assert 1 <= len(received) <= 3
        assert numbers(received + receive(consumer, 10 - len(received))) == list(range(10))

    def test_acked_messages_do_not_come_again(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        consumer = transport.consumer(["track"])
        publisher.publish(messages(range(10)), timeout_seconds=10)
        received = receive(consumer, 10)

        consumer.ack(received)
        consumer.close()

        assert nothing_arrives(self.new_consumer(transport, request))

    def test_unsettled_messages_go_back_when_the_consumer_is_closed(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        consumer = transport.consumer(["track"])
        publisher.publish(messages(range(10)), timeout_seconds=10)
        received = receive(consumer, 8)

        consumer.ack(received[:2] + received[5:6])
        consumer.close()

        again = receive(self.new_consumer(transport, request), 7)
        assert sorted(numbers(again)) == [2, 3, 4, 6, 7, 8, 9]
        if self.features.marks_redelivered:
            handed_out = {delivery.body for delivery in received}
            assert all(one.redelivered for one in again if one.body in handed_out)

    def test_rejected_message_is_kept_as_a_dead_letter(
        self,
        publisher: Publisher,
        consumer: Consumer,
        dead_letters: Callable[[], list[bytes]],
    ) -> None:
        self.needs(self.features.keeps_dead_letters)
        publisher.publish(messages(range(3)), timeout_seconds=10)
        first, bad, last = receive(consumer, 3)

        consumer.reject(bad)
        consumer.ack([first, last])

        kept: list[bytes] = []

        def one_is_kept() -> None:
            kept.extend(dead_letters())
            assert kept == [b"1"]

        eventually(one_is_kept, within_seconds=10)
        assert nothing_arrives(consumer)

    def test_delivery_is_settled_only_once(self, publisher: Publisher, consumer: Consumer) -> None:
        publisher.publish(messages([1]), timeout_seconds=10)
        (delivery,) = receive(consumer, 1)
        consumer.ack([delivery])

        with pytest.raises(ValueError, match="not waiting"):
            consumer.ack([delivery])
        with pytest.raises(ValueError, match="not waiting"):
            consumer.reject(delivery)

    def test_two_consumers_share_the_messages(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        consumer: Consumer,
        request: pytest.FixtureRequest,
    ) -> None:
        other = self.new_consumer(transport, request)

        publisher.publish(messages(range(300)), timeout_seconds=10)

        received: list[int] = []

        def each_came_once() -> None:
            for one in (consumer, other):
                batch = one.receive(max_messages=50, timeout_seconds=0.1)
                one.ack(batch)
                received.extend(numbers(batch))
            assert sorted(received) == list(range(300))

        eventually(each_came_once, within_seconds=15)

    def test_direct_message_reaches_only_its_queue(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        consumer: Consumer,
        settings: Settings,
        request: pytest.FixtureRequest,
    ) -> None:
        queue = settings.CQRS["queue"]
        settings.CQRS = {**settings.CQRS, "queue": f"{queue}_other"}
        other = self.new_consumer(transport, request)

        direct = message(1, key=f"cqrs.{queue}.track")
        assert publisher.publish([direct, message(2)], timeout_seconds=10) == [CONFIRMED] * 2

        assert numbers(receive(consumer, 2)) == [1, 2]
        assert numbers(receive(other, 1)) == [2]

    def test_publisher_can_be_used_after_it_was_closed(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        publisher.publish(messages([1]), timeout_seconds=10)
        publisher.close()
        publisher.close()

        assert publisher.publish(messages([2]), timeout_seconds=10) == [CONFIRMED]
        assert numbers(receive(consumer, 2)) == [1, 2]

    def test_publisher_waits_whether_connected_or_not(self, publisher: Publisher) -> None:
        publisher.wait(0.01)
        publisher.publish(messages([1]), timeout_seconds=10)
        publisher.wait(0.01)
        publisher.close()
        publisher.wait(0.01)
