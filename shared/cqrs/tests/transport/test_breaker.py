"""After a failure that took long, callers are spared the next one for a while."""

import pytest

from dj_cqrs.transport.breaker import Breaker


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def test_everybody_may_try_at_first(breaker: Breaker) -> None:
    assert breaker.may_try(longest_seconds=3)
    assert breaker.may_try(longest_seconds=3)


def test_nobody_may_try_for_three_times_as_long_as_the_failure_took(
    clock: Clock, breaker: Breaker
) -> None:
    breaker.has_failed(after_seconds=2)

    assert not breaker.may_try(longest_seconds=3)
    clock.now += 5.9
    assert not breaker.may_try(longest_seconds=3)
    clock.now += 0.1
    assert breaker.may_try(longest_seconds=3)


def test_one_tries_after_the_pause_and_the_others_wait_for_its_word(
    clock: Clock, breaker: Breaker
) -> None:
    breaker.has_failed(after_seconds=2)
    clock.now += 6

    assert breaker.may_try(longest_seconds=3)
    assert not breaker.may_try(longest_seconds=3)

    breaker.has_worked()
    assert breaker.may_try(longest_seconds=3)


def test_one_that_never_comes_back_does_not_keep_the_others_out(
    clock: Clock, breaker: Breaker
) -> None:
    breaker.has_failed(after_seconds=2)
    clock.now += 6
    assert breaker.may_try(longest_seconds=3)

    clock.now += 3
    assert breaker.may_try(longest_seconds=3)


def test_failure_that_took_no_time_calls_for_no_pause(breaker: Breaker) -> None:
    breaker.has_failed(after_seconds=0.01)

    assert breaker.may_try(longest_seconds=3)
