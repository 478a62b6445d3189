"""What a worker does on a service with the inbox: batches, and retries from the database."""

from collections.abc import Iterator, Sequence

from django.db import InterfaceError, OperationalError

from dj_cqrs import conf
from dj_cqrs.connections import refresh_connections
from dj_cqrs.replica import database, log, parking, suspects
from dj_cqrs.replica.batch import aliases, apply_batch, give_up, park_suspect
from dj_cqrs.replica.database import DatabaseAwayError
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome, Result
from dj_cqrs.replica.remembering import Handled
from dj_cqrs.replica.retention import Retention
from dj_cqrs.replica.settlement import Done, Rejected, Settlement
from dj_cqrs.transport.base import Delivery


class InboxApplier:
    """Applies deliveries in batches and keeps what fails in the inbox."""

    def __init__(self) -> None:
        self._retention = Retention()
        self._has_doubted = False
        self._handled = Handled()

    def check_ready(self) -> None:
        """Looks whether all databases take messages.

        Raises:
            DatabaseAwayError: one does not.
        """
        for using in aliases():
            if not database.answers(using):
                raise DatabaseAwayError(f"database {using!r} does not answer")
            if refusal := parking.refusal(using):
                raise DatabaseAwayError(f"database {using!r} takes no messages: {refusal}")

    def apply(self, deliveries: Sequence[Delivery]) -> Iterator[Settlement]:
        """Applies and commits what is trusted together, and what killed a worker perhaps alone."""
        refresh_connections()
        self._handled.begin(deliveries)
        if known := [delivery for delivery in deliveries if self._handled.is_done(delivery)]:
            yield Done(known)
            deliveries = [delivery for delivery in deliveries if delivery not in known]
        dubious = [delivery for delivery in deliveries if suspects.crashes(delivery)]
        trusted = [delivery for delivery in deliveries if not suspects.crashes(delivery)]
        if trusted:
            yield from self._applied(trusted)
        if not dubious:
            self._has_doubted = False
        for delivery in dubious:
            if self._is_to_be_set_aside(delivery):
                park_suspect(
                    RawMessage.from_delivery(delivery),
                    suspects.suspicion(delivery),
                    suspects.crashes(delivery),
                )
                yield Done([delivery])
            else:
                yield from self._applied([delivery])

    def do_chores(self) -> bool:
        """Tries parked messages that are due; now and then forgets what is old."""
        refresh_connections()
        try:
            self._retention.work_if_due()
            more_is_due = False
            for using in aliases():
                more_is_due |= self._retry_due(using)
        except (OperationalError, InterfaceError) as error:
            raise DatabaseAwayError(str(error)) from error
        return more_is_due

    def _applied(self, deliveries: Sequence[Delivery]) -> Iterator[Settlement]:
        by_raw = {}
        raws = []
        for delivery in deliveries:
            raw = RawMessage.from_delivery(delivery)
            by_raw[id(raw)] = delivery
            raws.append(raw)
        results = apply_batch(raws)
        log.settled(results)
        rejected = [result for result in results if result.outcome is Outcome.REJECTED]
        tags = {by_raw[id(result.raw)].tag for result in rejected}
        for result in results:
            if _is_without_row(result):
                self._handled.keep(by_raw[id(result.raw)])
        if done := [delivery for delivery in deliveries if delivery.tag not in tags]:
            yield Done(done)
        for result in rejected:
            log.rejected(result)
            yield Rejected(by_raw[id(result.raw)])

    def _is_to_be_set_aside(self, delivery: Delivery) -> bool:
        """Whether it is parked unopened; there it is tried alone, and counted.

        A queue that does not count marks everything that a dead worker had. What comes after the
        first is tried one by one then, so that whatever kills again is the first the next time.
        """
        if suspects.is_counted(delivery):
            return True
        is_first, self._has_doubted = not self._has_doubted, True
        return is_first

    def _retry_due(self, using: str) -> bool:
        limit = conf.config().replica.batch_size
        claimed = [RawMessage.from_parked(parked) for parked in parking.claim_due(limit, using)]
        due = [raw for raw in claimed if not give_up(raw)]
        if due:
            log.settled(apply_batch(due))
        return bool(claimed)


def _is_without_row(result: Result) -> bool:
    """Whether no revision tells that a message has been handled when it comes again."""
    return (
        result.message is not None
        and result.message.model.CQRS_NO_DB_OPERATIONS
        and result.outcome is not Outcome.REJECTED
    )
