"""eventually(): returns once it holds, raises the last error once time is up."""

import pytest

from local_stack.waiting import eventually


def test_it_returns_what_the_assertion_returns_once_it_passes() -> None:
    tries: list[int] = []

    def third_time_lucky() -> str:
        tries.append(1)
        assert len(tries) == 3
        return "done"

    assert eventually(third_time_lucky) == "done"


def test_the_last_error_is_raised_when_time_is_up() -> None:
    def never() -> None:
        raise AssertionError("still not")

    with pytest.raises(AssertionError, match="still not"):
        eventually(never, within_seconds=0.05)


def test_an_error_that_does_not_mean_not_yet_is_raised_at_once() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        eventually(broken, within_seconds=60, retry_on=AssertionError)
