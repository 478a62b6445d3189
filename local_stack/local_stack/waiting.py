"""Waiting for something to become true: the only way in which tests here wait."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.1


def eventually(
    assertion: Callable[[], T],
    *,
    within_seconds: float = 30.0,
    retry_on: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> T:
    """Call the assertion until it passes, and return what it returned.

    Args:
        assertion: Raises (an AssertionError, as a rule) while it does not hold yet. What it
            returns does not matter, so write `assert`, not a comparison.
        within_seconds: After this time its last error is raised as it is.
        retry_on: Errors that mean "not yet"; others are raised at once.
    """
    deadline = time.monotonic() + within_seconds
    pause_seconds = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return assertion()
        except retry_on:
            if time.monotonic() >= deadline:
                raise
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)
