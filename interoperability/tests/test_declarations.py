"""Queues and exchange that one library declared, and then the other one finds."""

from collections.abc import Iterator

import pytest

from integration_tests import broker
from integration_tests.process import ServiceProcess
from interoperability.pairs import (
    OUR_MASTER,
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
)
from interoperability.peers import Flavour, Peer, Place
from local_stack.waiting import eventually

_START_SECONDS = 60


@pytest.fixture
def place(servers: Servers) -> Iterator[Place]:
    place = servers.place()
    yield place
    broker.delete_queues(place.broker_url, place.queue, place.dead_letter_queue)


def check_consuming(process: ServiceProcess, place: Place) -> None:
    process.check_alive()
    assert broker.consumer_count(place.broker_url, place.queue) > 0, process.log_since(0)


def declare_as_django_cqrs(servers: Servers, place: Place) -> Peer:
    """Run its consumer until its queue is there."""
    replica = servers.peer(THEIR_REPLICA, place)
    consumer = replica.consumer(1)
    consumer.start()
    try:
        eventually(lambda: check_consuming(consumer, place), within_seconds=_START_SECONDS)
    finally:
        consumer.stop()
    return replica


def arguments_of_queue(servers: Servers, name: str) -> str:
    lines = servers.rabbitmq.ctl("list_queues", "name", "type", "arguments").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}\t")]
    return line.removeprefix(f"{name}\t")


def is_as_django_cqrs_declares(queue: str) -> bool:
    """Newer brokers add the type of the virtual host's queues to the arguments."""
    return queue.startswith("classic\t") and "x-dead-letter" not in queue


def test_what_django_cqrs_declared_is_used_as_it_is(servers: Servers, place: Place) -> None:
    declare_as_django_cqrs(servers, place)
    before = arguments_of_queue(servers, place.queue)
    assert is_as_django_cqrs_declares(before)

    pair = Pair(servers, Combination(OUR_MASTER, OUR_REPLICA), place)
    try:
        pair.driver.perform("create_rows")
        pair.wait_until_equal(filled=("brand", "product", "tag", "announcement", "rate"))
        broker.publish(place.broker_url, "brand", b"no JSON", exchange=place.exchange)
        pair.driver.perform("write_brands", numbers=[1], text="after poison")
        pair.wait_until_equal(filled=("brand",))
        assert arguments_of_queue(servers, place.queue) == before
        # Nothing that we declared beside it keeps django-cqrs from coming back.
        pair.consumer.stop()
        declare_as_django_cqrs(servers, place)
    finally:
        pair.close()


@pytest.mark.parametrize("master", [THEIR_MASTER, OUR_MASTER], ids=str)
def test_classic_queues_that_we_declared_are_taken_over_by_django_cqrs(
    servers: Servers, place: Place, master: Flavour
) -> None:
    ours = servers.peer(OUR_REPLICA, place, PEER_QUEUE_TYPE="classic")
    assert f"queue {place.queue}: created" in ours.manage("cqrs_declare")
    assert is_as_django_cqrs_declares(arguments_of_queue(servers, place.queue))

    pair = Pair(servers, Combination(master, THEIR_REPLICA), place)
    try:
        pair.driver.perform("create_rows")
        pair.wait_until_equal(filled=("brand", "product", "tag", "announcement", "rate"))
    finally:
        pair.close()


def test_quorum_queues_must_be_drained_and_deleted_before_django_cqrs_can_come_back(
    servers: Servers, place: Place
) -> None:
    servers.peer(OUR_REPLICA, place).manage("cqrs_declare")
    theirs = servers.peer(THEIR_REPLICA, place).consumer(1)
    theirs.start()
    try:
        # It goes on asking for another queue than there is.
        eventually(lambda: check_refused(theirs), within_seconds=_START_SECONDS)
        assert broker.consumer_count(place.broker_url, place.queue) == 0
        # The remedy, with a worker that waits for it: it asks again every five seconds.
        broker.delete_queues(place.broker_url, place.queue, place.dead_letter_queue)
        eventually(lambda: check_consuming(theirs, place), within_seconds=_START_SECONDS)
    finally:
        theirs.kill()


def check_refused(process: ServiceProcess) -> None:
    assert "PRECONDITION_FAILED" in process.log_since(0)
