"""Dead letters in a broker: looked at without loss, taken out one by one, on every transport."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.base import BaseTransport, DeadLetterQueue, Delivery
from dj_cqrs.transport.memory import MemoryTransport, broker
from dj_cqrs.transport.rabbit_mq import RabbitMQTransport
from local_stack.proxy import Proxy
from local_stack.waiting import eventually
from tests.expectations import expect
from tests.transport.messages import messages, receive, receive_and_ack


def reject(transport: type[BaseTransport], count: int) -> None:
    """Makes dead letters whose bodies are numbers from 0 on."""
    consumer = transport.consumer(["track"])
    publisher = transport.publisher()
    publisher.publish(messages(range(count)), timeout_seconds=10)
    left = count
    while left:
        batch = receive(consumer, min(left, 100))
        for delivery in batch:
            consumer.reject(delivery)
        left -= len(batch)
    publisher.close()
    consumer.close()


def bodies(letters: Iterator[Delivery]) -> list[int]:
    return sorted(int(letter.body) for letter in letters)


@pytest.fixture(params=["memory", "rabbitmq"])
def any_transport(request: pytest.FixtureRequest) -> Iterator[type[BaseTransport]]:
    """Each transport with its own names."""
    if request.param == "rabbitmq":
        yield request.getfixturevalue("transport")
        return
    broker.reset()
    yield MemoryTransport
    broker.reset()


@pytest.fixture
def letters(
    any_transport: type[BaseTransport], request: pytest.FixtureRequest
) -> Callable[[int], DeadLetterQueue]:
    """Makes so many dead letters and connects to them."""

    def make(count: int) -> DeadLetterQueue:
        reject(any_transport, count)
        queue = any_transport.dead_letters()
        request.addfinalizer(queue.close)
        eventually(lambda: expect(queue.count() == count))
        return queue

    return make


def test_a_queue_that_does_not_exist_has_no_letters(any_transport: type[BaseTransport]) -> None:
    queue = any_transport.dead_letters()

    assert (queue.count(), list(queue.browse()), queue.purge()) == (0, [], 0)

    queue.close()
    queue.close()


def test_browsing_shows_each_letter_once_and_takes_none(
    letters: Callable[[int], DeadLetterQueue],
) -> None:
    queue = letters(3)

    for _ in range(2):
        assert bodies(queue.browse()) == [0, 1, 2]
        assert queue.count() == 3


def test_browsing_that_is_broken_off_takes_no_letter(
    letters: Callable[[int], DeadLetterQueue],
) -> None:
    queue = letters(3)

    browsing = queue.browse()
    next(browsing)
    browsing.close()  # type: ignore[attr-defined]

    assert queue.count() == 3


def test_only_what_was_handled_is_taken(letters: Callable[[int], DeadLetterQueue]) -> None:
    queue = letters(5)

    taken = bodies(queue.take(lambda letter: int(letter.body) % 2 == 0))

    assert taken == [0, 2, 4]
    assert bodies(queue.browse()) == [1, 3]


def test_a_handler_that_raises_takes_only_what_was_handled_before(
    letters: Callable[[int], DeadLetterQueue],
) -> None:
    queue = letters(3)
    seen: list[Delivery] = []

    def handle(letter: Delivery) -> bool:
        seen.append(letter)
        if len(seen) == 2:
            raise ZeroDivisionError
        return True

    with pytest.raises(ZeroDivisionError):
        list(queue.take(handle))

    assert queue.count() == 2


def test_a_letter_that_comes_back_at_once_is_not_offered_again(
    any_transport: type[BaseTransport], letters: Callable[[int], DeadLetterQueue]
) -> None:
    queue = letters(2)

    def handle(_letter: Delivery) -> bool:
        reject(any_transport, 1)
        return True

    assert len(list(queue.take(handle))) == 2


def test_a_letter_is_sent_again_to_this_queue_with_a_new_body(
    any_transport: type[BaseTransport], letters: Callable[[int], DeadLetterQueue]
) -> None:
    queue = letters(1)

    def handle(letter: Delivery) -> bool:
        queue.republish(letter, cqrs_id="track", body=b"7")
        return True

    list(queue.take(handle))

    consumer = any_transport.consumer(["track"])
    (delivery,) = receive(consumer, 1)
    consumer.ack([delivery])
    consumer.close()
    assert delivery.body == b"7"
    assert delivery.routing_key.startswith("cqrs.")
    assert delivery.routing_key.endswith(".track")
    assert queue.count() == 0


def test_a_letter_of_a_model_that_nobody_is_bound_for_cannot_be_sent(
    letters: Callable[[int], DeadLetterQueue],
) -> None:
    queue = letters(1)
    (letter,) = queue.browse()

    with pytest.raises(TransportError, match="no queue is bound"):
        queue.republish(letter, cqrs_id="unknown", body=b"7")


def test_purging_says_how_many_there_were(letters: Callable[[int], DeadLetterQueue]) -> None:
    queue = letters(3)

    assert queue.purge() == 3
    assert queue.count() == 0


# What only RabbitMQ does.


def test_headers_of_the_broker_do_not_travel_on_but_ours_do(
    transport: type[RabbitMQTransport], cqrs: dict[str, Any], amqp: BlockingChannel
) -> None:
    transport.declare()
    transport.consumer(["track"]).close()
    headers = {"cqrs-revisions": "monotonic", "cqrs-reason": "because", "x-death": "long ago"}
    dead = f"dead_letter_{cqrs['queue']}"
    amqp.confirm_delivery()
    amqp.basic_publish("", dead, b"1", BasicProperties(headers=headers))
    queue = transport.dead_letters()
    eventually(lambda: expect(queue.count() == 1))

    def handle(letter: Delivery) -> bool:
        assert letter.headers.items() >= headers.items()
        queue.republish(letter, cqrs_id="track", body=letter.body)
        return True

    assert len(list(queue.take(handle))) == 1
    queue.close()

    consumer = transport.consumer(["track"])
    (delivery,) = receive_and_ack(consumer, 1)
    consumer.close()
    assert delivery.headers == {"cqrs-revisions": "monotonic"}


def test_letters_outlive_any_number_of_looks(
    transport: type[RabbitMQTransport], cqrs: dict[str, Any]
) -> None:
    """A quorum queue drops what was given back 20 times, unless somebody takes care."""
    reject(transport, 2)
    queue = transport.dead_letters()
    eventually(lambda: expect(queue.count() == 2))

    for _ in range(25):
        assert bodies(queue.browse()) == [0, 1]
        assert queue.count() == 2
    for _ in range(25):
        assert not list(queue.take(lambda _: False))
        assert queue.count() == 2
    queue.close()


def test_the_broker_gives_letters_back_when_the_connection_is_lost(
    proxy: Proxy, settings: Settings
) -> None:
    reject(RabbitMQTransport, 2)
    queue = RabbitMQTransport.dead_letters()
    eventually(lambda: expect(queue.count() == 2))

    browsing = queue.browse()
    next(browsing)
    proxy.cut()
    with pytest.raises(TransportError):
        next(browsing)
    queue.close()

    again = RabbitMQTransport.dead_letters()
    eventually(lambda: expect(again.count() == 2))
    again.close()
