"""Watching the replica until it has followed."""

from collections.abc import Iterator

import pytest

from chinook_demo.errors import NotFollowedError
from chinook_demo.following import NotYetError, follow


def looks(*states: str) -> Iterator[str]:
    """What the replica shows, look by look."""
    yield from states


def test_the_first_answer_that_has_followed_is_returned() -> None:
    states = looks("old", "older", "new", "newer")

    def look() -> str:
        state = next(states)
        if state != "new":
            raise NotYetError(state)
        return state

    followed = follow(look, within_seconds=60)

    assert followed.answer == "new"
    assert followed.seconds > 0
    assert next(states) == "newer"


def test_a_replica_that_stands_still_is_an_error_that_says_where() -> None:
    def look() -> None:
        raise NotYetError("14 of 15 tracks")

    with pytest.raises(NotFollowedError, match=r"14 of 15 tracks.*make logs"):
        follow(look, within_seconds=0)


def test_a_slow_replica_gets_more_time_as_long_as_it_moves() -> None:
    behind = iter(range(20, -1, -1))

    def look() -> None:
        lag = next(behind)
        if lag:
            raise NotYetError(f"{lag} rows")

    assert follow(look, within_seconds=0).seconds > 0
