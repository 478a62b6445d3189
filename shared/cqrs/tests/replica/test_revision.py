"""The decision table: every kind of message against everything that can be known of its row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs.constants import SignalType
from dj_cqrs.replica.revision import Decision, Incoming, LocalState, advance, decide
from tests.replica.support import at

APPLY, DUPLICATE, STALE = Decision.APPLY, Decision.DUPLICATE, Decision.STALE
SAVE, SYNC, DELETE = SignalType.SAVE, SignalType.SYNC, SignalType.DELETE


def row(revision: int, seconds: float = 100, *, monotonic: bool = False) -> LocalState:
    return LocalState(revision, False, at(seconds), monotonic)


def tombstone(revision: int, seconds: float = 100, *, monotonic: bool = False) -> LocalState:
    return LocalState(revision, True, at(seconds), monotonic)


def message(
    signal_type: SignalType, revision: int, seconds: float = 100, *, monotonic: bool = False
) -> Incoming:
    return Incoming(signal_type, revision, at(seconds), monotonic)


# The master's revisions never restart: the revision alone decides, whatever the clock says.
MONOTONIC = [
    (row(5), SAVE, 6, APPLY),  # the next one
    (row(5), SAVE, 9, APPLY),  # a gap: the ones between come late or were sent to nobody
    (row(5), SAVE, 5, DUPLICATE),  # delivered again
    (row(5), SAVE, 4, STALE),  # overtaken
    (row(5), SYNC, 6, APPLY),  # a sync that is ahead of its save
    (row(5), SYNC, 5, APPLY),  # what should be here, so it repairs a damaged row
    (row(5), SYNC, 4, STALE),  # a sync beside live writes: nothing goes down
    (row(5), DELETE, 6, APPLY),  # deleted
    (row(5), DELETE, 9, APPLY),  # deleted, its last saves come late
    (row(5), DELETE, 5, DUPLICATE),  # cannot be: a delete has a revision of its own
    (row(5), DELETE, 4, STALE),  # the row was created again since
    (tombstone(5), SAVE, 6, APPLY),  # the key is used again
    (tombstone(5), SAVE, 5, DUPLICATE),  # cannot be either
    (tombstone(5), SAVE, 4, STALE),  # a late save must not resurrect the row
    (tombstone(5), SYNC, 6, APPLY),  # a sync of the new row
    (tombstone(5), SYNC, 5, DUPLICATE),  # a sync repairs live rows only
    (tombstone(5), SYNC, 4, STALE),  # a sync read before the delete
    (tombstone(5), DELETE, 9, APPLY),  # the row was created and deleted again
    (tombstone(5), DELETE, 5, DUPLICATE),  # delivered again
    (tombstone(5), DELETE, 4, STALE),  # a delete of an earlier life
]


@pytest.mark.parametrize(("local", "signal_type", "revision", "expected"), MONOTONIC)
@pytest.mark.parametrize("seconds", [1, 100, 1000])
def test_of_a_monotonic_master_the_revision_alone_decides(
    local: LocalState, signal_type: SignalType, revision: int, expected: Decision, seconds: int
) -> None:
    known = LocalState(local.revision, local.is_deleted, local.master_updated_at, True)

    assert decide(known, message(signal_type, revision, seconds, monotonic=True)) is expected


# django-cqrs and the direct mode: revisions restart with the row, a DELETE's may be too low.
RESTARTING = [
    (row(5), SAVE, 6, 101, APPLY),  # the next one
    (row(5), SAVE, 6, 99, APPLY),  # in order, from a host whose clock lags
    (row(5), SAVE, 5, 101, APPLY),  # two saves of one transaction share a revision; the later one
    (row(5), SAVE, 5, 100, DUPLICATE),  # delivered again
    (row(5), SAVE, 5, 99, DUPLICATE),  # the earlier of the two comes late
    (row(5), SAVE, 4, 101, STALE),  # overtaken; a clock that is ahead does not help it
    (row(5), SAVE, 4, 99, STALE),  # overtaken
    (row(5), SYNC, 5, 100, APPLY),  # repairs the row
    (row(5), SYNC, 5, 99, APPLY),  # a sync sends what the database has, the clock's rounding too
    (row(5), SYNC, 4, 101, STALE),  # nothing goes down
    (row(5), DELETE, 6, 101, APPLY),  # deleted
    (row(5), DELETE, 6, 99, APPLY),  # the same, from a host whose clock lags
    (row(5), DELETE, 2, 101, APPLY),  # deleted by an object that was read long ago
    (row(5), DELETE, 5, 100, STALE),  # neither newer nor higher
    (row(5), DELETE, 2, 99, STALE),  # of an earlier life of the key
    (tombstone(5), SAVE, 0, 101, APPLY),  # the key is used again
    (tombstone(5), SAVE, 0, 99, STALE),  # the late creation of the row that is gone
    (tombstone(5), SAVE, 9, 99, STALE),  # its late update, after a DELETE with a low revision
    (tombstone(5), SAVE, 5, 100, STALE),  # not newer
    (tombstone(5), SYNC, 0, 101, APPLY),  # a sync of the new row
    (tombstone(5), SYNC, 4, 99, STALE),  # a sync read before the delete
    (tombstone(5), DELETE, 5, 100, DUPLICATE),  # delivered again
    (tombstone(5), DELETE, 1, 99, DUPLICATE),  # of an earlier life
    (tombstone(5), DELETE, 1, 101, APPLY),  # the new row is gone too; remember the later time
    (tombstone(5), DELETE, 6, 99, APPLY),  # remember the higher revision
]


@pytest.mark.parametrize(("local", "signal_type", "revision", "seconds", "expected"), RESTARTING)
def test_of_other_masters_the_clock_gives_a_second_opinion(
    local: LocalState, signal_type: SignalType, revision: int, seconds: int, expected: Decision
) -> None:
    assert decide(local, message(signal_type, revision, seconds)) is expected


@pytest.mark.parametrize("signal_type", list(SignalType))
@pytest.mark.parametrize("monotonic", [True, False])
def test_the_first_message_of_a_key_is_applied(signal_type: SignalType, monotonic: bool) -> None:
    assert decide(None, message(signal_type, 0, monotonic=monotonic)) is APPLY


def test_a_master_that_moves_to_the_outbox_may_restart_once() -> None:
    """Its tombstones from before are unknown to its outbox, so a key may start at 0 again."""
    before = tombstone(8, 100)

    recreated = message(SAVE, 0, 101, monotonic=True)
    assert decide(before, recreated) is APPLY

    after = advance(before, recreated)
    assert after == row(0, 101, monotonic=True)
    assert decide(after, message(SAVE, 1, 90, monotonic=True)) is APPLY
    assert decide(after, message(SAVE, 8, 99)) is APPLY  # drift: an unmarked one comes that late


def test_a_tombstone_is_never_weaker_than_the_row_it_replaces() -> None:
    state = advance(row(7, 100), message(DELETE, 1, 101))
    assert state == tombstone(7, 101)

    lagging = advance(row(7, 100), message(DELETE, 8, 99))
    assert lagging == tombstone(8, 100)
    assert decide(lagging, message(SAVE, 7, 100)) is STALE


@given(
    st.lists(
        st.tuples(st.sampled_from(list(SignalType)), st.integers(0, 9), st.integers(0, 9)),
        max_size=12,
    )
)
def test_between_monotonic_messages_no_state_ever_goes_down(
    messages: list[tuple[SignalType, int, int]],
) -> None:
    local: LocalState | None = None
    for signal_type, revision, seconds in messages:
        incoming = message(signal_type, revision, seconds, monotonic=True)
        if decide(local, incoming) is APPLY:
            after = advance(local, incoming)
            assert local is None or after.revision >= local.revision
            local = after


@given(st.data())
def test_messages_of_a_restarting_master_converge_in_order(data: st.DataObject) -> None:
    """Each may be delivered twice at once; revisions restart, a delete's is what memory held."""
    local: LocalState | None = None
    revision: int | None = None
    for seconds in range(data.draw(st.integers(1, 15))):
        if revision is None:
            revision, signal_type = 0, SAVE
        else:
            signal_type = data.draw(st.sampled_from(list(SignalType)))
            revision = revision + 1 if signal_type is SAVE else revision
        sent = data.draw(st.integers(1, revision + 1)) if signal_type is DELETE else revision
        incoming = message(signal_type, sent, seconds)
        for _ in range(data.draw(st.integers(1, 2))):
            if decide(local, incoming) is APPLY:
                local = advance(local, incoming)
        revision = None if signal_type is DELETE else revision
        assert local is not None
        assert local.is_deleted is (revision is None)
        assert local.is_deleted or local.revision == revision
