"""Acks settle exactly what is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs.transport.settlement import Ack, Unsettled


def handed_out(count: int) -> Unsettled:
    unsettled = Unsettled()
    for tag in range(1, count + 1):
        unsettled.add(tag)
    return unsettled


@pytest.mark.parametrize(
    ("settled_before", "tags", "acks"),
    [
        ([], [1, 2, 3], [Ack(3, multiple=True)]),  # a whole batch: one ack
        ([], [3, 1, 2], [Ack(3, multiple=True)]),  # in any order
        ([], [1], [Ack(1, multiple=False)]),
        ([], [2, 3], [Ack(2, multiple=False), Ack(3, multiple=False)]),  # 1 is not meant
        ([], [1, 2, 4], [Ack(2, multiple=True), Ack(4, multiple=False)]),  # 3 is not meant
        ([2], [1, 3], [Ack(3, multiple=True)]),  # 2 is settled already: the ack may span it
        ([1, 2], [3, 4], [Ack(4, multiple=True)]),
        ([], [], []),
    ],
)
def test_fewest_acks_are_sent(settled_before: list[int], tags: list[int], acks: list[Ack]) -> None:
    unsettled = handed_out(4)
    unsettled.settle(settled_before)

    assert unsettled.settle(tags) == acks


@pytest.mark.parametrize("tags", [[1], [5], [2, 7]])
def test_delivery_that_is_not_waiting_is_refused_and_changes_nothing(tags: list[int]) -> None:
    unsettled = handed_out(4)
    unsettled.settle([1])

    with pytest.raises(ValueError, match="not waiting"):
        unsettled.settle(tags)

    assert len(unsettled) == 3


@given(st.data())
def test_broker_ends_with_exactly_the_unsettled_deliveries(data: st.DataObject) -> None:
    """Runs against a model of what a broker does with acks."""
    unsettled = Unsettled()
    at_broker: set[int] = set()  # sent to us and not acked
    waiting: set[int] = set()  # handed out and not settled, as the worker sees it
    last = 0
    for _ in range(data.draw(st.integers(1, 15))):
        for _ in range(data.draw(st.integers(0, 5))):
            last += 1
            unsettled.add(last)
            at_broker.add(last)
            waiting.add(last)
        chosen = data.draw(st.sets(st.sampled_from(sorted(waiting)))) if waiting else set()
        for ack in unsettled.settle(chosen):
            assert ack.tag in at_broker, "the broker closes the channel on an unknown tag"
            at_broker -= {tag for tag in at_broker if tag < ack.tag and ack.multiple} | {ack.tag}
        waiting -= chosen

        assert at_broker == waiting
