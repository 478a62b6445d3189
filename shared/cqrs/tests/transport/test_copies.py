"""Whatever a failed message holds, its copy can be sent."""

from typing import Any

import pytest

from dj_cqrs.transport.base import REASON_HEADER, Consumer, Delivery, Publisher
from dj_cqrs.transport.rabbit_mq.copies import DELAY_HEADER, dead_copy, delayed_copy
from dj_cqrs.transport.topology import RoutingKey
from tests.transport.messages import message, receive


def delivery(headers: dict[str, Any] | None = None) -> Delivery:
    return Delivery(b"1", "track", headers or {}, redelivered=False, tag=1)


def test_headers_of_the_broker_are_not_sent_back_to_it() -> None:
    headers = {
        "x-death": [{"count": 1}],
        "x-first-death-queue": "delay",
        "x-last-death-reason": "expired",
        "x-delivery-count": 3,
        DELAY_HEADER: "250",
        "CC": ["album"],
        "BCC": ["artist"],
        "cqrs-revisions": "monotonic",
        "x-request-id": "17",
    }

    copy = delayed_copy(
        delivery(headers), key=RoutingKey("track", "queue"), body=b"2", delay_ms=1000
    )

    assert copy.headers == {
        "cqrs-revisions": "monotonic",
        "x-request-id": "17",
        DELAY_HEADER: "1000",
    }


@pytest.mark.parametrize("cqrs_id", ["x" * 300, "\ud800"], ids=["long", "lone surrogate"])
def test_key_that_cannot_be_sent_is_replaced_by_the_one_it_came_with(cqrs_id: str) -> None:
    copy = dead_copy(
        delivery(), key=RoutingKey(cqrs_id, "dead"), body=b"", reason="", ttl_seconds=None
    )

    assert copy.routing_key == "track"


@pytest.mark.parametrize("headers", [{"a": object()}, {"a": "x" * 70_000}, {"a" * 300: 1}])
def test_headers_that_cannot_be_sent_are_left_out(headers: dict[str, Any]) -> None:
    copy = dead_copy(delivery(headers), key=None, body=b"", reason="why", ttl_seconds=None)

    assert copy.headers == {REASON_HEADER: "why"}


def test_header_that_cannot_be_sent_costs_no_other() -> None:
    headers = {"ratio": 1.5, "cqrs-revisions": "monotonic"}

    copy = dead_copy(delivery(headers), key=None, body=b"", reason="why", ttl_seconds=None)

    assert copy.headers == {"cqrs-revisions": "monotonic", REASON_HEADER: "why"}


def test_headers_that_decide_are_kept_where_others_are_too_large() -> None:
    headers = {"a": "x" * 70_000, "cqrs-revisions": "monotonic"}

    copy = dead_copy(delivery(headers), key=None, body=b"", reason="why", ttl_seconds=None)

    assert copy.headers == {"cqrs-revisions": "monotonic", REASON_HEADER: "why"}


def test_copies_of_strange_messages_are_kept(publisher: Publisher, consumer: Consumer) -> None:
    strange = message(headers={"nested": {"a": [1, None, True]}, "long": 2**62})
    publisher.publish([strange], timeout_seconds=10)
    (bad,) = receive(consumer, 1)

    consumer.retry_later(bad, cqrs_id="\ud800", body=b"2", delay_seconds=0)
    (again,) = receive(consumer, 1)
    assert again.headers["long"] == 2**62

    consumer.dead_letter(again, cqrs_id="\ud800", body=b"", reason="lone \ud800 surrogate")
