"""Which messages may have killed their workers, and which are known to have done so.

A worker that dies leaves no word behind, so the broker's count of deliveries is the only evidence;
it is held against all messages that the worker had, though only one is to blame. That is why a
suspect is tried once more, alone, before it is given up.
"""

from typing import Final

from dj_cqrs.exceptions import PermanentError, TransientError
from dj_cqrs.replica.settlement import DEATHS_HEADER, DELIVERY_COUNT_HEADER
from dj_cqrs.transport.base import Delivery

#: What has killed so many workers is a dead letter, whatever its model says about retries.
MAX_DEATHS: Final = 3
#: A quorum queue counts. A message that was delivered that often and never settled is a suspect:
#: one death less than the limit, so that the last one is its own.
SUSPECT_DELIVERIES: Final = MAX_DEATHS - 1


class SuspectError(TransientError):
    """Raised about a message that may have killed its workers."""


class CulpritError(PermanentError):
    """Raised about a message that has killed its workers, so that nobody is to try it again."""


def crashes(delivery: Delivery) -> int:
    """How many workers may have died of it, as far as it looks like more than an accident.

    A classic queue does not count, it only marks what was delivered before: one crash at least.
    """
    if not delivery.redelivered:
        return 0  # whatever its publisher wrote into the header
    earlier, count = earlier_deaths(delivery), delivery.headers.get(DELIVERY_COUNT_HEADER)
    if not isinstance(count, int):
        return earlier + 1
    if earlier + count < SUSPECT_DELIVERIES:
        return 0
    # Whatever was prefetched with a killer is counted like it: that alone convicts nobody.
    return min(earlier + count, max(earlier + 1, SUSPECT_DELIVERIES))


def earlier_deaths(delivery: Delivery) -> int:
    """What was known before the message was sent back through the broker."""
    known = delivery.headers.get(DEATHS_HEADER)
    return known if isinstance(known, int) and known > 0 else 0


def is_counted(delivery: Delivery) -> bool:
    """Whether the broker counts its deliveries."""
    return isinstance(delivery.headers.get(DELIVERY_COUNT_HEADER), int)


def suspicion(delivery: Delivery) -> SuspectError:
    """What is said about a suspect."""
    return SuspectError(f"delivered {crashes(delivery)} times before and never settled")


def judgement(deaths: int) -> SuspectError | CulpritError:
    """What is said about a message that was tried and never settled, so many times."""
    if deaths >= MAX_DEATHS:
        return CulpritError(f"killed its worker {deaths} times; look at it before a retry")
    return SuspectError(f"tried {deaths} times and never settled")
