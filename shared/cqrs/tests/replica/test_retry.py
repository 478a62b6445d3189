"""What happens to a message that failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs.replica.retry import (
    LONGEST_DELAY_SECONDS,
    SHORTEST_DELAY_SECONDS,
    Fate,
    Kind,
    Plan,
    clamped_delay_seconds,
    plan,
    waiting_delay_seconds,
)


class Policy:
    """At most three retries, each a second later than the one before."""

    def should_retry_cqrs(self, current_retry: int, exception: Exception | None = None) -> bool:
        return current_retry < 3 and not isinstance(exception, ZeroDivisionError)

    def get_cqrs_retry_delay(self, current_retry: int) -> float:
        return 1 + current_retry


# kind, failed attempts, error -> fate and delay
TABLE = [
    (Kind.FAILED, 1, None, Plan(Fate.RETRY, 1)),  # the first attempt is no retry
    (Kind.FAILED, 3, None, Plan(Fate.RETRY, 3)),  # the last retry
    (Kind.FAILED, 4, None, Plan(Fate.DEAD)),  # it failed too
    (Kind.FAILED, 1, ZeroDivisionError(), Plan(Fate.DEAD)),  # the model knows better
    (Kind.HOPELESS, 1, None, Plan(Fate.DEAD)),  # no retry can mend it
    (Kind.ORPHANED, 1, None, Plan(Fate.WAIT, 1)),  # its parent will come
    (Kind.ORPHANED, 99, None, Plan(Fate.WAIT, 1)),  # that uses up no attempts
]


@pytest.mark.parametrize(("kind", "attempts", "error", "expected"), TABLE)
def test_the_kind_of_failure_the_attempts_and_the_model_decide(
    kind: Kind, attempts: int, error: Exception | None, expected: Plan
) -> None:
    made = plan(kind, attempts=attempts, waited_seconds=0, policy=Policy(), error=error)
    assert made == expected


@pytest.mark.parametrize(("waited", "delay"), [(0, 1), (4, 1), (40, 10), (10**6, 300)])
def test_what_waits_long_is_tried_seldom(waited: float, delay: float) -> None:
    assert waiting_delay_seconds(waited) == delay


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_delay_can_be_added_to_the_time_of_day(seconds: float) -> None:
    assert SHORTEST_DELAY_SECONDS <= clamped_delay_seconds(seconds) <= LONGEST_DELAY_SECONDS


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_what_is_no_number_of_seconds_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="no number of seconds"):
        clamped_delay_seconds(seconds)
