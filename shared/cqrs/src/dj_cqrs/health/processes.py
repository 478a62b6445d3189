"""The judgement on relays and workers by the signs of life that they left. Pure."""

from collections.abc import Sequence
from typing import Any

from dj_cqrs._health_settings import HealthConfig
from dj_cqrs.health.report import Check, words
from dj_cqrs.heartbeats.signs import Seen


def on_host(processes: Sequence[Seen], host: str | None) -> list[Seen]:
    """Those of one host; all where none is named."""
    return [seen for seen in processes if host in (None, seen.sign.host)]


def judge(
    name: str, role: str, processes: Sequence[Seen], *, wanted: int, limits: HealthConfig
) -> Check:
    """Looks whether enough processes live, and whether all of them get on.

    Args:
        name: of the check.
        role: "relay" or "worker".
        processes: all that left a sign.
        wanted: how many must be alive.
        limits: from when on one is stuck.
    """
    alive = [seen for seen in processes if seen.silent_seconds <= limits.stuck_seconds]
    problems = [_silence(seen) for seen in _missed(processes, alive, limits)]
    problems += [problem for seen in alive if (problem := _trouble(seen, limits))]
    if len(alive) < wanted:
        command = "cqrs_relay" if role == "relay" else "cqrs_consume"
        problems.insert(0, f"{len(alive)} of {wanted} alive; does {command} run?")
    detail = " ".join(problems) or f"{len(alive)} alive."
    figures = {"alive": len(alive), "processes": [_figures(seen) for seen in processes]}
    return Check(name, not problems, detail, figures)


def _missed(processes: Sequence[Seen], alive: Sequence[Seen], limits: HealthConfig) -> list[Seen]:
    """Those that fell silent, and that no process which was started since then stands for."""
    silent = [seen for seen in processes if seen.silent_seconds > limits.stuck_seconds]
    successors = sorted((seen.age_seconds for seen in alive), reverse=True)
    missed = []
    for seen in sorted(silent, key=lambda one: one.silent_seconds):
        younger = [age for age in successors if age < seen.silent_seconds]
        if younger:
            successors.remove(younger[0])
        else:
            missed.append(seen)
    return missed


def _silence(seen: Seen) -> str:
    return (
        f"{seen.sign.name}: no sign of life for {words(seen.silent_seconds)}, so it hangs, is "
        f"stopped or dead (last seen: {seen.sign.doing})."
    )


def _trouble(seen: Seen, limits: HealthConfig) -> str | None:
    sign = seen.sign
    if sign.waiting_seconds is not None and sign.waiting_seconds > limits.stuck_seconds:
        return (
            f"{sign.name}: messages wait, and none was done for {words(sign.waiting_seconds)} "
            f"({sign.doing})."
        )
    limit = limits.backlog_seconds
    if sign.failing_seconds is not None and limit is not None and sign.failing_seconds > limit:
        return f"{sign.name}: nothing works for {words(sign.failing_seconds)} ({sign.doing})."
    return None


def _figures(seen: Seen) -> dict[str, Any]:
    sign = seen.sign
    durations = {
        "age_seconds": seen.age_seconds,
        "silent_seconds": seen.silent_seconds,
        "since_progress_seconds": seen.progress_seconds,
        "waiting_seconds": sign.waiting_seconds,
        "failing_seconds": sign.failing_seconds,
    }
    return {
        "name": sign.name,
        "doing": sign.doing,
        **{name: _rounded(value) for name, value in durations.items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
