"""What this worker has handled while the broker may not have heard of it.

A broker takes back what is not settled in time (its consumer timeout), and delivers it again. Rows
are safe from that by their revisions. A hook without a database that takes so long would be called
for ever: its word comes too late every time. So the worker remembers what it said last.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from dj_cqrs.replica.outcome import Result
from dj_cqrs.transport.base import Delivery

_MAX_REMEMBERED: Final = 1000


class Handled:
    """Results of the last batch, and of those that came again since. For one worker."""

    def __init__(self) -> None:
        self._results: dict[bytes, Result | None] = {}

    def begin(self, deliveries: Sequence[Delivery]) -> None:
        """Forgets all if the broker does not deliver anything again: it has heard everything."""
        if not any(delivery.redelivered for delivery in deliveries):
            self._results.clear()

    def keep(self, delivery: Delivery, failure: Result | None = None) -> None:
        """Remembers that a delivery is done with, or how it failed."""
        while len(self._results) >= _MAX_REMEMBERED:
            del self._results[next(iter(self._results))]
        self._results[_key(delivery)] = failure

    def is_done(self, delivery: Delivery) -> bool:
        """Whether it comes again although it is done with."""
        key = _key(delivery)
        return delivery.redelivered and key in self._results and self._results[key] is None

    def failure(self, delivery: Delivery) -> Result | None:
        """How it failed, if it comes again after that."""
        return self._results.get(_key(delivery)) if delivery.redelivered else None


def _key(delivery: Delivery) -> bytes:
    return hashlib.sha256(delivery.routing_key.encode() + b"\0" + delivery.body).digest()
