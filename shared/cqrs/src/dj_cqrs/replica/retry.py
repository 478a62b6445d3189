"""When a message that failed is tried again. Pure: the inbox keeps what is decided here."""

import enum
import math
from dataclasses import dataclass
from typing import Final, Protocol

#: No delay that a model asks for is longer than this.
LONGEST_DELAY_SECONDS: Final = 30 * 86_400
#: Nor shorter: without a pause, workers would do nothing else.
SHORTEST_DELAY_SECONDS: Final = 0.1
_SHORTEST_WAIT_SECONDS: Final = 1
_LONGEST_WAIT_SECONDS: Final = 300


class Kind(enum.Enum):
    """What sort of failure it was."""

    #: It may work later.
    FAILED = "failed"
    #: The row that it refers to is not here yet; that is nobody's fault.
    ORPHANED = "orphaned"
    #: It breaks the wire contract or came too late: no retry can mend it.
    HOPELESS = "hopeless"


class Fate(enum.Enum):
    """What happens to the message."""

    RETRY = "retry"
    WAIT = "wait"
    DEAD = "dead"


class RetryPolicy(Protocol):
    """What a replica model says about retries; ``current_retry`` is 0 after the first attempt."""

    def should_retry_cqrs(self, current_retry: int, exception: Exception | None = None) -> bool:
        """Whether to try again."""

    def get_cqrs_retry_delay(self, current_retry: int) -> float:
        """Seconds until then."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A fate, and for all but the dead the seconds until the next attempt."""

    fate: Fate
    delay_seconds: float = 0.0


def plan(
    kind: Kind,
    *,
    attempts: int,
    waited_seconds: float,
    policy: RetryPolicy,
    error: Exception | None,
) -> Plan:
    """Decides about a message that has just failed.

    Args:
        kind: the sort of failure.
        attempts: failed attempts, this one included.
        waited_seconds: time since the message failed first.
        policy: the model's (or the settings') word on retries.
        error: the failure.
    """
    if kind is Kind.HOPELESS:
        return Plan(Fate.DEAD)
    if kind is Kind.ORPHANED:
        return Plan(Fate.WAIT, waiting_delay_seconds(waited_seconds))
    current_retry = attempts - 1
    if not policy.should_retry_cqrs(current_retry, error):
        return Plan(Fate.DEAD)
    return Plan(Fate.RETRY, clamped_delay_seconds(policy.get_cqrs_retry_delay(current_retry)))


def waiting_delay_seconds(waited_seconds: float) -> float:
    """The longer it has waited, the more seldom it is tried: a quarter of its age."""
    return min(max(waited_seconds / 4, _SHORTEST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)


def clamped_delay_seconds(delay_seconds: float) -> float:
    """A delay that a database can add to the time of day.

    Raises:
        ValueError: it is no number.
    """
    if not math.isfinite(delay_seconds):
        raise ValueError(f"{delay_seconds} is no number of seconds")
    return min(max(float(delay_seconds), SHORTEST_DELAY_SECONDS), float(LONGEST_DELAY_SECONDS))
