"""Consuming: what is handed out, and what settling it means."""

import pytest

from dj_cqrs.transport.base import BaseTransport, Consumer, Publisher
from local_stack.waiting import eventually
from tests.transport.conformance.suite import Suite
from tests.transport.messages import (
    CONFIRMED,
    messages,
    nothing_arrives,
    numbers,
    receive,
    receive_and_ack,
)


class Receiving(Suite):
    """What a consumer does."""

    def test_order_of_a_batch_is_kept_for_a_single_consumer(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        outcomes = publisher.publish(messages(range(1200)), timeout_seconds=30)

        assert outcomes == [CONFIRMED] * 1200
        received = numbers(receive_and_ack(consumer, 1200))
        if not self.promises.makes("ordered"):
            received.sort()
        assert received == list(range(1200))

    def test_declared_queue_keeps_what_is_sent_before_the_first_consumer_starts(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        self.promises.needs("keeps_messages")
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
        self.promises.needs("gives_back")
        consumer = transport.consumer(["track"])
        publisher.publish(messages(range(10)), timeout_seconds=10)
        received = receive(consumer, 8)

        consumer.ack(received[:2] + received[5:6])
        consumer.close()

        again = receive(self.new_consumer(transport, request), 7)
        assert sorted(numbers(again)) == [2, 3, 4, 6, 7, 8, 9]
        if self.promises.makes("marks_redelivered"):
            handed_out = {delivery.body for delivery in received}
            assert all(one.redelivered for one in again if one.body in handed_out)

    def test_delivery_is_settled_only_once(self, publisher: Publisher, consumer: Consumer) -> None:
        publisher.publish(messages([1]), timeout_seconds=10)
        (delivery,) = receive(consumer, 1)
        consumer.ack([delivery])

        with pytest.raises(ValueError, match="not waiting"):
            consumer.ack([delivery])
        with pytest.raises(ValueError, match="not waiting"):
            consumer.reject(delivery)
        with pytest.raises(ValueError, match="not waiting"):
            consumer.retry_later(delivery, cqrs_id="track", body=b"", delay_seconds=0)
        with pytest.raises(ValueError, match="not waiting"):
            consumer.dead_letter(delivery, cqrs_id="track", body=b"", reason="no reason")

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
