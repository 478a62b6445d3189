"""From signs of life to a judgement."""

from typing import Any

import pytest

from dj_cqrs._health_settings import HealthConfig
from dj_cqrs.health.processes import judge
from dj_cqrs.heartbeats.signs import Seen
from tests.health.signs import seen

LIMITS = HealthConfig(stuck_seconds=60, backlog_seconds=300)


def _judge(*processes: Seen, wanted: int = 1) -> Any:
    return judge("workers", "worker", processes, wanted=wanted, limits=LIMITS)


@pytest.mark.parametrize(
    "processes",
    [
        [seen()],
        [seen(silent=59, waiting_seconds=59, failing_seconds=299)],
        # Killed, and another one was started after that.
        [seen("a", silent=70), seen("b", age=30)],
        [seen("a", silent=70), seen("b", silent=90), seen("c", age=69), seen("d", age=80)],
    ],
)
def test_who_gets_on_or_was_replaced_is_well(processes: list[Seen]) -> None:
    assert _judge(*processes).is_ok


@pytest.mark.parametrize(
    ("processes", "reason"),
    [
        ([], "0 of 1 alive; does cqrs_consume run?"),
        ([seen("w", silent=61)], "w: no sign of life for 61 s"),
        # The other one was there before: it replaces nobody.
        ([seen("w", silent=61), seen("v")], "w: no sign of life for 61 s"),
        # One successor stands for one process.
        ([seen("w", silent=61), seen("v", silent=62), seen("x", age=5)], "v: no sign of life"),
        ([seen("w", waiting_seconds=61)], "w: messages wait, and none was done for 61 s"),
        ([seen("w", failing_seconds=301)], "w: nothing works for 5 min"),
    ],
)
def test_who_does_not_is_named_with_the_reason(processes: list[Seen], reason: str) -> None:
    check = _judge(*processes)

    assert not check.is_ok
    assert reason in check.detail


def test_more_than_one_can_be_wanted_or_none() -> None:
    assert not _judge(seen(), wanted=2).is_ok
    assert _judge(wanted=0).is_ok


def test_figures_are_for_scripts() -> None:
    check = _judge(seen("w", silent=1.04, progress_seconds=2.0, doing="x"))

    assert check.figures["alive"] == 1
    (process,) = check.figures["processes"]
    assert (process["name"], process["doing"]) == ("w", "x")
    assert (process["silent_seconds"], process["since_progress_seconds"]) == (1.0, 3.0)
