"""Which messages may have killed their workers.

A worker that dies leaves no word behind, so the broker's count of deliveries is the only evidence;
it is held against all messages that the worker had, though only one is to blame.
"""

from typing import Final

from dj_cqrs.exceptions import TransientError
from dj_cqrs.replica.settlement import DELIVERY_COUNT_HEADER
from dj_cqrs.transport.base import Delivery

#: A quorum queue counts. A message that was delivered that often and never settled is a suspect.
SUSPECT_DELIVERIES: Final = 5


class SuspectError(TransientError):
    """Raised about a message that may have killed its workers."""


def crashes(delivery: Delivery) -> int:
    """How many workers may have died of it, as far as it looks like more than an accident.

    A classic queue does not count, it only marks what was delivered before: one crash at least.
    """
    if not delivery.redelivered:
        return 0  # whatever its publisher wrote into the header
    count = delivery.headers.get(DELIVERY_COUNT_HEADER)
    if isinstance(count, int):
        return count if count >= SUSPECT_DELIVERIES else 0
    return 1


def is_counted(delivery: Delivery) -> bool:
    """Whether the broker counts its deliveries."""
    return isinstance(delivery.headers.get(DELIVERY_COUNT_HEADER), int)


def suspicion(delivery: Delivery) -> SuspectError:
    """What is said about a suspect."""
    return SuspectError(f"delivered {crashes(delivery)} times before and never settled")
