"""Messages that fail: retried later, or kept as dead letters."""

import time
from collections.abc import Callable

import pytest
from pytest_django import Settings

from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.signing import messages as signing
from dj_cqrs.transport.base import (
    MAX_REASON,
    REASON_HEADER,
    BaseTransport,
    Consumer,
    Delivery,
    Publisher,
)
from local_stack.waiting import eventually
from tests.transport.conformance.suite import Suite
from tests.transport.messages import message, messages, nothing_arrives, numbers, receive

Take = Callable[[], list[Delivery]]


def taken(dead_letters: Take) -> Delivery:
    """Waits for the only dead letter."""
    kept: list[Delivery] = []

    def one_is_kept() -> None:
        kept.extend(dead_letters())
        assert len(kept) == 1

    eventually(one_is_kept, within_seconds=10)
    return kept[0]


class Failing(Suite):
    """What a consumer does with them."""

    def test_rejected_message_is_kept_as_a_dead_letter(
        self, publisher: Publisher, consumer: Consumer, dead_letters: Take
    ) -> None:
        self.promises.needs("keeps_dead_letters")
        publisher.publish(messages(range(3)), timeout_seconds=10)
        first, bad, last = receive(consumer, 3)

        consumer.reject(bad)
        consumer.ack([first, last])

        assert taken(dead_letters).body == b"1"
        assert nothing_arrives(consumer)

    def test_delayed_message_comes_to_this_queue_alone_when_it_is_due(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        consumer: Consumer,
        settings: Settings,
        request: pytest.FixtureRequest,
    ) -> None:
        self.promises.needs("delays")
        queue = settings.CQRS["queue"]
        publisher.publish(
            [message(1, headers={"cqrs-revisions": "monotonic"})], timeout_seconds=10
        )
        (failed,) = receive(consumer, 1)
        settings.CQRS = {**settings.CQRS, "queue": f"{queue}_other"}
        other = self.new_consumer(transport, request)
        asked_at = time.monotonic()

        consumer.retry_later(failed, cqrs_id="track", body=b"2", delay_seconds=1)

        (again,) = receive(consumer, 1)
        assert time.monotonic() - asked_at >= 1
        assert (again.body, again.routing_key) == (b"2", f"cqrs.{queue}.track")
        if self.promises.makes("carries_headers"):
            assert again.headers["cqrs-revisions"] == "monotonic"
        consumer.ack([again])
        assert nothing_arrives(consumer)
        assert nothing_arrives(other)

    def test_long_delay_does_not_hold_up_a_short_one(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        self.promises.needs("delays")
        publisher.publish(messages([1, 2, 3]), timeout_seconds=10)
        for failed, delay_seconds in zip(receive(consumer, 3), [2, 0.5, 0], strict=True):
            consumer.retry_later(
                failed, cqrs_id="track", body=failed.body, delay_seconds=delay_seconds
            )

        assert numbers(receive(consumer, 3)) == [3, 2, 1]

    def test_message_can_be_delayed_again_and_again(
        self, publisher: Publisher, consumer: Consumer
    ) -> None:
        self.promises.needs("delays")
        publisher.publish(messages([0]), timeout_seconds=10)

        for attempt in range(4):
            (failed,) = receive(consumer, 1)
            assert failed.body == str(attempt).encode()
            body = str(attempt + 1).encode()
            consumer.retry_later(failed, cqrs_id="track", body=body, delay_seconds=0.25)

        assert numbers(receive(consumer, 1)) == [4]

    def test_message_of_an_unknown_model_can_be_delayed_too(
        self, publisher: Publisher, consumer: Consumer, settings: Settings
    ) -> None:
        self.promises.needs("delays")
        publisher.publish(messages([1]), timeout_seconds=10)
        (failed,) = receive(consumer, 1)

        consumer.retry_later(failed, cqrs_id="not bound", body=b"1", delay_seconds=0.25)

        (again,) = receive(consumer, 1)
        assert again.routing_key == f"cqrs.{settings.CQRS['queue']}.not bound"

    def test_dead_letter_is_kept_with_its_reason_under_the_routing_key_of_the_contract(
        self, publisher: Publisher, consumer: Consumer, dead_letters: Take, settings: Settings
    ) -> None:
        self.promises.needs("keeps_dead_letters")
        headers = {"cqrs-revisions": "monotonic"}
        publisher.publish([message(1, headers=headers)], timeout_seconds=10)
        (bad,) = receive(consumer, 1)

        consumer.dead_letter(bad, cqrs_id="track", body=b"2", reason="no such artist" * 1000)

        kept = taken(dead_letters)
        assert kept.body == b"2"
        assert kept.routing_key == f"cqrs.dead_letter_{settings.CQRS['queue']}.track"
        if self.promises.makes("carries_headers"):
            assert kept.headers["cqrs-revisions"] == "monotonic"
            assert kept.headers[REASON_HEADER] == ("no such artist" * 1000)[:MAX_REASON]
        assert nothing_arrives(consumer)

    def test_signed_message_and_all_its_copies_arrive_with_good_signatures(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        consumer: Consumer,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for promise in ("carries_headers", "delays", "keeps_dead_letters"):
            self.promises.needs(promise)
        monkeypatch.setitem(ReplicaRegistry.models, "track", type("Track", (), {}))
        settings.CQRS["signing"] = {"keys": {"one": "k" * 32}, "required": True}
        headers = {"cqrs-revisions": "monotonic"}
        headers = signing.signed(headers, routing_key="track", body=b"1")
        publisher.publish([message(1, headers=headers)], timeout_seconds=10)

        (came,) = receive(consumer, 1)
        signing.check(came.headers, routing_key=came.routing_key, body=came.body)
        consumer.retry_later(came, cqrs_id="track", body=b"2", delay_seconds=0.1)
        (again,) = receive(consumer, 1)
        signing.check(again.headers, routing_key=again.routing_key, body=again.body)
        consumer.dead_letter(again, cqrs_id="track", body=b"3", reason="no")

        letters = transport.dead_letters()

        def handle(letter: Delivery) -> bool:
            signing.check(letter.headers, routing_key=letter.routing_key, body=letter.body)
            letters.republish(letter, cqrs_id="track", body=b"4")
            return True

        def the_letter_is_there() -> None:
            assert letters.count() == 1

        try:
            eventually(the_letter_is_there, within_seconds=10)
            assert len(list(letters.take(handle))) == 1
        finally:
            letters.close()
        (back,) = receive(consumer, 1)
        assert back.body == b"4"
        signing.check(back.headers, routing_key=back.routing_key, body=back.body)

    @pytest.mark.parametrize("cqrs_id", [None, "not bound", "x" * 300])
    def test_body_of_nobody_known_is_kept_all_the_same(
        self,
        publisher: Publisher,
        consumer: Consumer,
        dead_letters: Take,
        cqrs_id: str | None,
    ) -> None:
        self.promises.needs("keeps_dead_letters")
        publisher.publish([message(body=b"\x00\xff")], timeout_seconds=10)
        (bad,) = receive(consumer, 1)

        consumer.dead_letter(bad, cqrs_id=cqrs_id, body=bad.body, reason="")

        assert taken(dead_letters).body == b"\x00\xff"
        assert nothing_arrives(consumer)

    def test_dead_letter_goes_when_its_time_is_over(
        self, publisher: Publisher, consumer: Consumer, dead_letters: Take, settings: Settings
    ) -> None:
        self.promises.needs("expires_dead_letters")
        settings.CQRS = {**settings.CQRS, "replica": {"dead_message_ttl": 1}}
        self._make_dead_letter(publisher, consumer)
        made_at = time.monotonic()

        def its_time_is_over() -> None:
            assert time.monotonic() > made_at + 1.2

        eventually(its_time_is_over, within_seconds=5)
        assert dead_letters() == []

    def test_dead_letter_without_a_time_stays(
        self, publisher: Publisher, consumer: Consumer, dead_letters: Take, settings: Settings
    ) -> None:
        self.promises.needs("keeps_dead_letters")
        settings.CQRS = {**settings.CQRS, "replica": {"dead_message_ttl": None}}

        self._make_dead_letter(publisher, consumer)

        assert taken(dead_letters).body == b"1"

    def _make_dead_letter(self, publisher: Publisher, consumer: Consumer) -> None:
        publisher.publish(messages([1]), timeout_seconds=10)
        (bad,) = receive(consumer, 1)
        consumer.dead_letter(bad, cqrs_id="track", body=bad.body, reason="tried in vain")
