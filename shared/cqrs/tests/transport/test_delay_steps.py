"""Delays are rounded up, to a few steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs.transport.delay_steps import LONGEST_SECONDS, rounded_up_ms


@pytest.mark.parametrize(
    ("delay_seconds", "expected_ms"),
    [
        (0, 0),
        (-1, 0),
        (float("nan"), 0),
        (0.001, 250),
        (0.25, 250),
        (0.5, 500),
        (1, 1000),
        (1.1, 2000),
        (2, 2000),  # the contract's default
        (16, 16_000),
        (17, 20_000),
        (60, 64_000),
        (300, 320_000),
        (3600, 4_096_000),
        (LONGEST_SECONDS, 604_800_000),
        (1e12, 604_800_000),
        (float("inf"), 604_800_000),
    ],
)
def test_delay_becomes_the_next_step(delay_seconds: float, expected_ms: int) -> None:
    assert rounded_up_ms(delay_seconds) == expected_ms


@given(st.floats(min_value=0, max_value=LONGEST_SECONDS))
def test_step_is_never_shorter_and_at_most_a_quarter_longer(delay_seconds: float) -> None:
    seconds = rounded_up_ms(delay_seconds) / 1000

    assert seconds >= delay_seconds
    assert seconds <= max(delay_seconds * 1.25, 0.25) or seconds - delay_seconds < 1


def test_there_are_less_than_a_hundred_steps() -> None:
    delays = (seconds / 4 for seconds in range(0, LONGEST_SECONDS * 4, 5))

    assert len({rounded_up_ms(delay) for delay in delays}) < 100
