"""What the broker says about a batch, in whatever order it says it."""

from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome
from dj_cqrs.transport.confirms import PendingConfirms

CONFIRMED, UNROUTABLE, FAILED = (
    PublishOutcome.CONFIRMED,
    PublishOutcome.UNROUTABLE,
    PublishOutcome.FAILED,
)


def sent(count: int, *, first_tag: int = 1) -> PendingConfirms:
    pending = PendingConfirms([OutgoingMessage(f"m{i}", "track", b"") for i in range(count)])
    for position in range(count):
        pending.sent(position, first_tag + position)
    return pending


def test_confirms_may_come_out_of_order() -> None:
    pending = sent(3)

    pending.acked(3, multiple=False)
    pending.nacked(1, multiple=False)
    pending.acked(2, multiple=False)

    assert pending.is_settled
    assert pending.outcomes() == [FAILED, CONFIRMED, CONFIRMED]


def test_confirm_of_several_leaves_alone_what_is_settled_and_what_comes_after() -> None:
    pending = sent(4)

    pending.nacked(2, multiple=False)
    pending.acked(3, multiple=True)

    assert not pending.is_settled
    assert pending.in_flight == 1
    assert pending.outcomes() == [CONFIRMED, FAILED, CONFIRMED, FAILED]


def test_returned_message_is_unroutable_although_it_is_confirmed() -> None:
    pending = sent(3)

    pending.returned("m1")
    pending.acked(3, multiple=True)

    assert pending.outcomes() == [CONFIRMED, UNROUTABLE, CONFIRMED]


def test_message_that_is_returned_and_refused_has_failed() -> None:
    pending = sent(1)

    pending.returned("m0")
    pending.nacked(1, multiple=False)

    assert pending.outcomes() == [FAILED]


def test_confirm_of_an_earlier_batch_says_nothing_about_this_one() -> None:
    pending = sent(2, first_tag=11)

    pending.acked(10, multiple=True)
    pending.acked(3, multiple=False)
    pending.returned("of another batch")

    assert pending.in_flight == 2
    assert pending.outcomes() == [FAILED, FAILED]


def test_message_that_cannot_be_sent_has_failed_and_is_not_waited_for() -> None:
    pending = PendingConfirms([OutgoingMessage("m0", "track", b"")])

    pending.not_sendable(0)

    assert pending.is_settled
    assert pending.outcomes() == [FAILED]


def test_empty_batch_is_settled() -> None:
    assert PendingConfirms([]).is_settled


@given(st.data())
def test_every_message_gets_the_word_that_the_broker_said_about_it(data: st.DataObject) -> None:
    """A broker that confirms everything once, in any order, with any use of ``multiple``."""
    count = data.draw(st.integers(1, 30))
    first = data.draw(st.integers(1, 5))
    pending = sent(count, first_tag=first)
    expected: dict[int, PublishOutcome] = {}
    open_tags = set(range(first, first + count))

    while open_tags:
        tag = data.draw(st.sampled_from(sorted(open_tags)))
        multiple = data.draw(st.booleans())
        nack = data.draw(st.booleans())
        together = {other for other in open_tags if other <= tag} if multiple else {tag}
        for settled in together:
            returned = data.draw(st.booleans())
            if returned:
                pending.returned(f"m{settled - first}")
            if nack:
                expected[settled] = FAILED
            else:
                expected[settled] = UNROUTABLE if returned else CONFIRMED
        open_tags -= together
        assert not pending.is_settled
        (pending.nacked if nack else pending.acked)(tag, multiple=multiple)

    assert pending.is_settled
    assert pending.outcomes() == [expected[tag] for tag in range(first, first + count)]
