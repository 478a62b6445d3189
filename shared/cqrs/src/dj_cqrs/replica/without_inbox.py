"""What a worker does on a service without the inbox: one by one; the broker keeps what fails.

For services that only have ``CQRS_NO_DB_OPERATIONS`` models. Delayed retries through the broker
come here.
"""

import logging
from collections.abc import Sequence

from dj_cqrs.connections import refresh_connections
from dj_cqrs.replica import hooks, log
from dj_cqrs.replica.message import RawMessage, read
from dj_cqrs.replica.outcome import Outcome, Result, done
from dj_cqrs.transport.base import Delivery

logger = logging.getLogger("django-cqrs")


class PlainApplier:
    """Calls the hooks of each message; what fails becomes the broker's dead letter."""

    def check_ready(self) -> None:
        """There is no database to ask."""

    def apply(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Handles deliveries one by one; returns those that failed."""
        refresh_connections()
        rejected = []
        for delivery in deliveries:
            result = _handle(RawMessage.from_delivery(delivery))
            if result.outcome is Outcome.REJECTED:
                log.rejected(result)
                rejected.append(delivery)
            else:
                log.settled([result])
        return rejected

    def do_chores(self) -> bool:
        """Nothing is kept here, so nothing is due."""
        return False


def _handle(raw: RawMessage) -> Result:
    message = None
    try:
        message = read(raw)
        if message.is_to_be_ignored:
            return done(message, Outcome.IGNORED)
        hooks.call_in_time(message)
        return done(message, Outcome.APPLIED)
    except Exception as error:  # noqa: BLE001  nothing may kill the worker
        return Result(raw, Outcome.REJECTED, message, error)
