"""Publishing: what arrives, and what the publisher says of it."""

import time

import pytest
from pytest_django import Settings

from dj_cqrs.transport.base import BaseTransport, Consumer, Publisher
from tests.transport.conformance.suite import Suite
from tests.transport.messages import CONFIRMED, UNROUTABLE, message, messages, numbers, receive


class Sending(Suite):
    """What a publisher does."""

    def test_message_arrives_as_it_was_sent(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        sent = message(body=b'{"a": "\xc3\xa4"}', headers={"cqrs-revisions": "monotonic"})

        assert publisher.publish([sent], timeout_seconds=10) == [CONFIRMED]

        (delivery,) = receive(consumer, 1)
        assert delivery.body == sent.body
        assert delivery.routing_key == "track"
        if self.promises.makes("carries_headers"):
            assert delivery.headers["cqrs-revisions"] == "monotonic"
        assert not delivery.redelivered

    @pytest.mark.parametrize("body", [b"", b"\x00\xff", b"x" * 1_000_000])
    def test_any_bytes_are_carried(
        self, publisher: Publisher, consumer: Consumer, body: bytes
    ) -> None:
        assert publisher.publish([message(body=body)], timeout_seconds=10) == [CONFIRMED]

        assert [delivery.body for delivery in receive(consumer, 1)] == [body]

    def test_empty_batch_is_no_work(self, publisher: Publisher) -> None:
        assert publisher.publish([], timeout_seconds=1) == []

    def test_message_that_no_queue_takes_is_unroutable(self, publisher: Publisher) -> None:
        self.promises.needs("notices_unroutable")

        assert publisher.publish([message(key="nobody")], timeout_seconds=10) == [UNROUTABLE]

    def test_outcomes_are_in_the_order_of_the_messages(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        self.promises.needs("notices_unroutable")
        mix = [message(n, key="nobody" if n % 3 == 0 else "track") for n in range(100)]

        outcomes = publisher.publish(mix, timeout_seconds=10)

        assert outcomes == [UNROUTABLE if n % 3 == 0 else CONFIRMED for n in range(100)]
        assert numbers(receive(consumer, 66)) == [n for n in range(100) if n % 3]

    def test_message_sent_again_is_judged_again(
        self, publisher: Publisher, transport: type[BaseTransport]
    ) -> None:
        self.promises.needs("notices_unroutable")
        assert publisher.publish(messages([1]), timeout_seconds=10) == [UNROUTABLE]

        transport.consumer(["track"]).close()

        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]

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

    def test_publisher_waits_whether_connected_or_not(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        started_at = time.monotonic()
        publisher.wait(0.05)
        publisher.publish(messages([1]), timeout_seconds=10)
        publisher.wait(0.05)
        assert publisher.publish(messages([2]), timeout_seconds=10) == [CONFIRMED]
        publisher.close()
        publisher.wait(0.05)

        assert time.monotonic() - started_at >= 0.15
        assert numbers(receive(consumer, 2)) == [1, 2]
