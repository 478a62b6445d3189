"""The delay queue and the mock transport of the contract, for code that uses them."""

from datetime import timedelta
from queue import Empty

import pytest
from django.utils import timezone

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.delay import DelayMessage, DelayQueue, Full
from dj_cqrs.transport.mock import TransportMock

PAYLOAD = TransportPayload("SAVE", "item", {}, 1)


def message(tag: int, seconds: float) -> DelayMessage:
    return DelayMessage(tag, PAYLOAD, timezone.now() + timedelta(seconds=seconds))


def test_messages_come_in_the_order_of_their_time() -> None:
    queue = DelayQueue()
    for tag, seconds in ((1, 300), (2, -1), (3, 100), (4, -1)):
        queue.put(message(tag, seconds))

    assert [each.delivery_tag for each in queue.get_ready()] == [2, 4]
    assert [queue.get().delivery_tag for _ in range(queue.qsize())] == [3, 1]
    with pytest.raises(Empty):
        queue.get()


def test_messages_of_one_moment_come_in_the_order_in_which_they_were_put() -> None:
    queue = DelayQueue()
    eta = timezone.now()
    for tag in range(5):
        queue.put(DelayMessage(tag, PAYLOAD, eta))

    assert [each.delivery_tag for each in queue.get_ready()] == [0, 1, 2, 3, 4]


def test_a_full_queue_takes_no_more() -> None:
    queue = DelayQueue(max_size=1)
    queue.put(message(1, 0))

    assert queue.full()
    with pytest.raises(Full, match="Delay queue is full"):
        queue.put(message(2, 0))


@pytest.mark.parametrize("size", [0, -1])
def test_a_queue_for_nothing_is_refused(size: int) -> None:
    with pytest.raises(AssertionError, match="max_size should be positive integer"):
        DelayQueue(max_size=size)


def test_the_mock_transport_gives_back_the_payload() -> None:
    assert TransportMock.produce(PAYLOAD) is PAYLOAD
    assert TransportMock.consume() is None
    TransportMock.clean_connection()
