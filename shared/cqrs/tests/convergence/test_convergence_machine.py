"""Convergence as a property: whatever happens to rows and messages, both sides agree in the end.

Hypothesis plays users, broker, workers and bad luck against real tables. More examples than in
every run: ``CONVERGENCE_EXAMPLES=2000``.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.outbox.models import DeletedRow, OutboxMessage
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.testing import assert_in_sync
from tests.app.house_models import Guest, GuestCopy, House, HouseCopy, Room, RoomCopy
from tests.convergence.history import History
from tests.convergence.writing import KEYS, MODELS, Write, Writer, one, writes

EXAMPLES = int(os.environ.get("CONVERGENCE_EXAMPLES", "120"))

#: Children first, so that nothing cascades.
TABLES: tuple[Any, ...] = (
    *(Guest, Room, House, GuestCopy, RoomCopy, HouseCopy),
    *(OutboxMessage, DeletedRow, LedgerEntry, ParkedMessage),
)
PAIRS = ((House, HouseCopy), (Room, RoomCopy), (Guest, GuestCopy))

#: More rounds of retries than any chain of failures can need.
ENOUGH = 20

_positions = st.lists(st.integers(0, 63), min_size=1, max_size=8)


class Convergence(RuleBasedStateMachine):
    """One master, one replica, and the messages between them."""

    def __init__(self) -> None:
        super().__init__()
        for model in TABLES:
            model._base_manager.all().delete()
        GuestCopy.unlucky = set()
        self._writer = Writer()
        self._history = History()
        self._applier = InboxApplier()
        self._flying: list[RawMessage] = []
        self._seed = 0

    @initialize(seed=st.integers(0, 2**16))
    def an_end_is_drawn(self, seed: int) -> None:
        """In which order the rest arrives."""
        self._seed = seed

    @rule(write=one)
    def a_change(self, write: Write) -> None:
        self.a_transaction([write], is_lost=False)

    @rule(writes=writes, is_lost=st.sampled_from([False, False, False, True]))
    def a_transaction(self, writes: list[Write], is_lost: bool) -> None:
        self._writer.transact(writes, is_lost=is_lost)
        self._flying += self._history.take()

    @rule(child=st.sampled_from((Room, Room, Guest)), pk=st.sampled_from(KEYS))
    def a_key_is_used_again(self, child: Any, pk: int) -> None:
        """With a row that points to it, which goes and comes with it."""
        for steps in self._writer.replacement(child, pk):
            self.a_transaction(steps, is_lost=False)

    @rule(model=st.sampled_from(MODELS), queue=st.sampled_from([None, "replica"]))
    def a_sync_of_all_rows(self, model: Any, queue: str | None) -> None:
        self._writer.sync_all(model, queue)
        self._flying += self._history.take()

    @precondition(lambda self: bool(self._flying))
    @rule(position=st.integers(0, 63))
    def a_message(self, position: int) -> None:
        """One alone, before or after those that it belongs to."""
        self._apply([self._flying.pop(position % len(self._flying))])
        self._history.check()

    @precondition(lambda self: bool(self._flying))
    @rule(positions=_positions, is_acked=st.sampled_from([True, True, False]))
    def a_batch(self, positions: list[int], is_acked: bool) -> None:
        """Some messages in any order, some twice; a worker that dies before its ack."""
        chosen = [position % len(self._flying) for position in positions]
        self._apply([self._flying[position] for position in chosen])
        self._history.check()
        if is_acked:
            self._flying = [
                raw for position, raw in enumerate(self._flying) if position not in chosen
            ]

    @rule(keys=st.sets(st.sampled_from(KEYS)))
    def hooks_fail(self, keys: set[int]) -> None:
        """For these guests, until they fail for others."""
        GuestCopy.unlucky = keys

    @precondition(lambda _: ParkedMessage.objects.exists())
    @rule(positions=_positions, is_killed=st.sampled_from([False, False, False, True]))
    def retries(self, positions: list[int], is_killed: bool) -> None:
        """Some parked messages are due; the worker that takes them may die over them."""
        self._make_due(positions)
        if is_killed:
            parking.claim_due(10, "default")
        else:
            self._applier.do_chores()
        self._history.check()

    @precondition(lambda _: ParkedMessage.objects.filter(status="dead").exists())
    @rule()
    def dead_letters_are_replayed(self) -> None:
        parking.retry_now(ParkedMessage.objects.filter(status="dead"))

    @rule(seed=st.integers(0, 2**16))
    def everything_arrives(self, seed: int) -> None:
        """Nothing new happens for a while: then both sides are equal and nothing is left."""
        GuestCopy.unlucky = set()
        for batch in _shuffled(self._flying, Random(seed)):
            self._apply(batch)
        self._flying = []
        self._history.check()
        for _ in range(ENOUGH):
            if not ParkedMessage.objects.exists():
                break
            parking.retry_now(ParkedMessage.objects.filter(status="dead"))
            self._make_due(range(64))
            self._applier.do_chores()
        assert list(ParkedMessage.objects.values_list("cqrs_id", "row_pk", "reason")) == []
        for master, replica in PAIRS:
            assert_in_sync(master, replica)
        self._history.check_end()

    def teardown(self) -> None:
        self.everything_arrives(self._seed)

    def _apply(self, raws: list[RawMessage]) -> None:
        results = apply_batch(raws)
        assert len(results) == len(raws)
        assert not [result for result in results if result.outcome is Outcome.REJECTED]

    def _make_due(self, positions: Any) -> None:
        """As if their time had come, the lease of a dead worker included."""
        parked = list(
            ParkedMessage.objects.exclude(due_at=None).order_by("pk").values_list("pk", flat=True)
        )
        if parked:
            ParkedMessage.objects.filter(
                pk__in={parked[position % len(parked)] for position in positions}
            ).update(due_at=timezone.now() - timedelta(seconds=1))


def _shuffled(raws: list[RawMessage], random: Random) -> Iterator[list[RawMessage]]:
    """Messages in another order, some of them twice, in small batches."""
    left = raws + random.sample(raws, len(raws) // 4)
    random.shuffle(left)
    while left:
        size = random.randint(1, 5)
        yield left[:size]
        left = left[size:]


@pytest.fixture
def patient(settings: Settings) -> None:
    """Nothing is due because a step took long: Hypothesis wants the same from the same steps."""
    replica = {**settings.CQRS["replica"], "CQRS_RETRY_DELAY": 3600}
    settings.CQRS = {**settings.CQRS, "replica": replica}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("patient")
@pytest.mark.timeout(0)
def test_both_sides_agree_whatever_happens_to_rows_and_messages() -> None:
    run_state_machine_as_test(
        Convergence,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
