"""What a model, or else the settings, says about a failed message."""

from functools import partial
from typing import Any

from dj_cqrs.replica import log, retry
from dj_cqrs.replica.outcome import Result
from dj_cqrs.replica.policy import SettingsPolicy


def plan_for(result: Result, *, attempts: int, waited_seconds: float = 0.0) -> retry.Plan:
    """Decides about a message that has just failed, ``attempts`` times by now.

    A policy that is broken itself is replaced by that of the settings: the message must not
    suffer.
    """
    policy: Any = result.message.model if result.message else SettingsPolicy
    plan = partial(
        retry.plan,
        result.kind,
        attempts=attempts,
        waited_seconds=waited_seconds,
        error=result.error,
    )
    try:
        return plan(policy=policy)
    except Exception as error:  # noqa: BLE001  the model's own code
        log.broken_policy(policy, error, result)
        return plan(policy=SettingsPolicy)
