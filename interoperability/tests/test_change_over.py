"""A fleet moves from django-cqrs to this library while a writer writes, one service at a time."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from integration_tests import broker
from interoperability.pairs import (
    OUR_MASTER,
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Pair,
    Servers,
    relay_of,
)
from interoperability.writing import Writer
from local_stack.waiting import eventually

_SECONDS = 60
_ROUNDS = 8
NUMBERS = range(240)


class Fleet:
    """A pair under load, and the steps of its change-over."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._stack = contextlib.ExitStack()
        self.writer = self._stack.enter_context(Writer(pair.driver, NUMBERS, seed=1))

    def go_on(self) -> None:
        """Let some more be written."""
        self.writer.wait_for_rounds(_ROUNDS)

    def swap_replica(self) -> None:
        """Workers of both libraries share the queue for a while; the rows are those of before."""
        theirs = self.pair.consumer
        self.pair.replica = replace(self.pair.replica, flavour=OUR_REPLICA)
        self.pair.replica.manage("migrate", "-v", "0")
        self.pair.consumer = self.pair.replica.consumer(2)
        self.pair.consumer.start()
        self._stack.callback(theirs.kill)
        eventually(lambda: self._check_consumers(3), within_seconds=_SECONDS)
        self.go_on()
        theirs.stop()
        self.go_on()  # what it gave back comes before what is written now
        self.repair()

    def _check_consumers(self, count: int) -> None:
        self.pair.consumer.check_alive()
        place = self.pair.place
        assert broker.consumer_count(place.broker_url, place.queue) == count

    def swap_master(self) -> None:
        """Processes of both libraries write for a while, each to rows of its own."""
        old, their_driver = self.writer, self.pair.driver
        self.pair.master = replace(self.pair.master, flavour=OUR_MASTER)
        self.pair.master.manage("migrate", "-v", "0")
        self.pair.relay = relay_of(self.pair.master)
        assert self.pair.relay is not None
        self.pair.relay.start()
        self.pair.driver = self.pair.master.driver()
        with Writer(self.pair.driver, range(1000, 1100), seed=2) as beside:
            self.go_on()
            old.stop()
            their_driver.close()
            beside.wait_for_rounds(1)
        self.writer = self._stack.enter_context(Writer(self.pair.driver, old.numbers, seed=3))

    def repair(self) -> None:
        """What is to be done once the last worker of django-cqrs has ended; the writer goes on.

        It knows no ledger: a SAVE that it held back while ours applied the DELETE is a row too
        much, and what it read before ours wrote may be written after it.
        """
        master, replica = self.pair.master, self.pair.replica
        mine = master.manage("cqrs_diff_master", "--cqrs-id", "brand", "--filter", "{}")
        _, *differing = replica.manage("cqrs_diff_replica", stdin=mine).splitlines()
        for keys in differing:  # its cqrs_diff_sync knows no keys but "id"
            chosen = json.dumps({"pk__in": json.loads(keys)})
            master.manage(
                *("cqrs_sync", "--cqrs-id", "brand", "--filter", chosen),
                *("--queue", self.pair.place.queue),
            )
        held = replica.manage("cqrs_deleted_diff_replica", "--cqrs-id", "brand", "-f", "{}")
        gone = master.manage("cqrs_deleted_diff_master", stdin=held)
        replica.manage("cqrs_deleted_sync_replica", stdin=gone)

    def close(self) -> None:
        """Stop writing."""
        self._stack.close()


@pytest.fixture
def fleet(servers: Servers) -> Iterator[Fleet]:
    pair = Pair(servers, Combination(THEIR_MASTER, THEIR_REPLICA))
    fleet = Fleet(pair)
    try:
        yield fleet
    finally:
        with contextlib.suppress(Exception):
            fleet.close()
        pair.close()


ORDERS: dict[str, tuple[Callable[[Fleet], None], ...]] = {
    "replica first": (Fleet.swap_replica, Fleet.swap_master),
    "master first": (Fleet.swap_master, Fleet.swap_replica),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_rolling_change_over_under_load_loses_nothing(fleet: Fleet, order: str) -> None:
    fleet.go_on()
    for step in ORDERS[order]:
        step(fleet)
        fleet.go_on()
    fleet.close()

    fleet.pair.wait_until_equal(filled=("brand",), within_seconds=_SECONDS)
