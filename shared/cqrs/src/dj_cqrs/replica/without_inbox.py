"""What a worker does on a service without the inbox: one by one; the broker keeps what fails.

For services that only have ``CQRS_NO_DB_OPERATIONS`` models. How often a message was tried is
written in its body, as on the wire of django-cqrs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from dj_cqrs import wire
from dj_cqrs.connections import refresh_connections
from dj_cqrs.replica import hooks, log, planning, suspects
from dj_cqrs.replica.message import Message, RawMessage, read
from dj_cqrs.replica.outcome import Outcome, Result, done, failed
from dj_cqrs.replica.remembering import Handled
from dj_cqrs.replica.retry import Fate, Plan
from dj_cqrs.replica.settlement import DEATHS_HEADER, DeadLettered, Done, RetriedLater, Settlement
from dj_cqrs.transport.base import Delivery


class PlainApplier:
    """Calls the hooks of each message and settles it before the next."""

    def __init__(self) -> None:
        self._has_doubted = False
        self._handled = Handled()

    def check_ready(self) -> None:
        """There is no database to ask."""

    def apply(self, deliveries: Sequence[Delivery]) -> Iterator[Settlement]:
        """Handles deliveries one by one, so that a crash repeats as few hooks as possible."""
        refresh_connections()
        self._handled.begin(deliveries)
        for delivery in deliveries:
            if self._handled.is_done(delivery):
                yield Done([delivery])
                continue
            result = self._handled.failure(delivery) or self._handle(delivery)
            self._handled.keep(delivery, result if result.failed else None)
            if not result.failed:
                log.settled([result])
                yield Done([delivery])
                continue
            settlement = _kept(delivery, result)
            yield settlement
            if isinstance(settlement, RetriedLater) and result.message is not None:
                log.requeued(result.message)

    def do_chores(self) -> bool:
        """Nothing is kept here, so nothing is due."""
        return False

    def _handle(self, delivery: Delivery) -> Result:
        def check() -> None:
            if self._is_to_be_set_aside(delivery):
                raise suspects.judgement(suspects.crashes(delivery))

        return handle(RawMessage.from_delivery(delivery), check)

    def _is_to_be_set_aside(self, delivery: Delivery) -> bool:
        """Whether it may have killed workers, and so counts as tried and failed.

        Only the first one: it is what the last worker had in hand when it died. The others only
        waited behind it.
        """
        if not suspects.crashes(delivery):
            self._has_doubted = False  # the next redeliveries are those of another death
            return False
        if self._has_doubted:
            return False
        self._has_doubted = True
        return True


def handle(raw: RawMessage, check: Callable[[], None] = lambda: None) -> Result:
    """Calls the hooks of a message; whatever they raise is a result, no exception.

    Args:
        raw: the message.
        check: called before the hooks; raises where they must not be called.
    """
    message: Message | None = None
    try:
        message = read(raw)
        log.received([message])
        if message.is_to_be_ignored:
            return done(message, Outcome.IGNORED)
        check()
        hooks.call_in_time(message)
        return done(message, Outcome.APPLIED)
    except Exception as error:  # noqa: BLE001  nothing may kill the worker
        if message is None:
            return Result(raw, Outcome.FAILED, error=error)
        return failed(message, error)


def _kept(delivery: Delivery, result: Result) -> Settlement:
    """How a failed delivery goes on, as its model's policy says."""
    message, reason = result.message, log.reason_of(result)
    if message is None:
        # The queue is bound for known models only, so that a retry of it would not come back.
        log.failed(result, Plan(Fate.DEAD), attempts=1)
        return DeadLettered(delivery, None, delivery.body, reason)
    attempts = _attempts(delivery, message, result.error)
    plan = planning.plan_for(result, attempts=attempts)
    log.failed(result, plan, attempts)
    cqrs_id = message.payload.cqrs_id
    if plan.fate is Fate.DEAD:
        return DeadLettered(delivery, cqrs_id, delivery.body, reason)
    body = wire.with_values(delivery.body, retries=attempts)
    if isinstance(result.error, suspects.SuspectError):
        deaths = {DEATHS_HEADER: suspects.crashes(delivery)}
        delivery = replace(delivery, headers={**delivery.headers, **deaths})
    return RetriedLater(delivery, cqrs_id, body, plan.delay_seconds)


def _attempts(delivery: Delivery, message: Message, error: Exception | None) -> int:
    """Failed attempts, this one included; each worker that died of it is one."""
    died = 0
    if isinstance(error, suspects.SuspectError | suspects.CulpritError):
        died = suspects.crashes(delivery) - suspects.earlier_deaths(delivery)
    return message.payload.retries + max(died, 1)
