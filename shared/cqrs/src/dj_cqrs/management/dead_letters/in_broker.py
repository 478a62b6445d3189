"""Dead letters in the broker: of a service without an inbox, and what no inbox could keep."""

from collections.abc import Iterator
from dataclasses import replace

from django.db import Error

from dj_cqrs import conf
from dj_cqrs.exceptions import ContractError, TransportError
from dj_cqrs.management.dead_letters.letters import Attempt, Letter, Selection, content_of, renewed
from dj_cqrs.transport.base import REASON_HEADER, DeadLetterQueue, Delivery


class BrokerStore:
    """A ``Store``: the dead letter queue of this service."""

    def __init__(self, queue: DeadLetterQueue, selection: Selection) -> None:
        self._queue = queue
        self._selection = selection

    def count(self) -> int:
        """How many there are; has to look at each where only some are meant."""
        if self._selection.is_everything:
            return self._queue.count()
        return sum(1 for _ in self.browse())

    def browse(self) -> Iterator[Letter]:
        """Yields them."""
        for delivery in self._queue.browse():
            if self._is_meant(delivery):
                yield _letter(delivery)

    def retry(self) -> Iterator[Attempt]:
        """Puts each back on its way, and removes it after that is certain."""
        send = _to_inbox if conf.inbox_is_installed() else self._to_queue
        attempts: list[Attempt] = []

        def handle(delivery: Delivery) -> bool:
            if not self._is_meant(delivery):
                return False
            body = renewed(delivery.body)
            letter = replace(_letter(delivery), body=body)
            try:
                send(delivery, body)
            except _RefusedError as error:
                attempts.append(Attempt(letter, str(error)))
                return False
            attempts.append(Attempt(letter))
            return True

        for _ in self._queue.take(handle):
            yield from _taken_out(attempts)
        yield from _taken_out(attempts)

    def purge(self) -> int:
        """Removes them."""
        if self._selection.is_everything:
            return self._queue.purge()
        return sum(1 for _ in self._queue.take(self._is_meant))

    def _is_meant(self, delivery: Delivery) -> bool:
        return self._selection.matches(delivery.body)

    def _to_queue(self, delivery: Delivery, body: bytes) -> None:
        """Without an inbox: over the broker, to this service's queue, confirmed."""
        from dj_cqrs.replica import message

        raw = message.RawMessage.from_delivery(delivery)
        try:
            message.check_size(raw)
            message.check_signature(raw)
        except ContractError as error:
            raise _RefusedError(str(error)) from error
        content = content_of(delivery.body) or {}
        cqrs_id = content.get("cqrs_id")
        if not isinstance(cqrs_id, str):
            raise _RefusedError("its body does not say which model it is for")
        try:
            self._queue.republish(delivery, cqrs_id=cqrs_id, body=body)
        except TransportError as error:
            raise _RefusedError(str(error)) from error


class _RefusedError(Exception):
    """Raised when a letter cannot be put back on its way."""


def _to_inbox(delivery: Delivery, body: bytes) -> None:
    """With an inbox: into its table, due at once. A replica needs no right to publish."""
    from dj_cqrs.replica import readmission

    try:
        readmission.readmit(delivery, body=body)
    except readmission.ForgottenError as error:
        raise _RefusedError(str(error)) from error
    except Error as error:
        raise _RefusedError(f"the inbox cannot keep it: {error}") from error


def _taken_out(attempts: list[Attempt]) -> Iterator[Attempt]:
    while attempts:
        yield attempts.pop(0)


def _letter(delivery: Delivery) -> Letter:
    content = content_of(delivery.body) or {}
    cqrs_id, pk = content.get("cqrs_id", "undecodable"), content.get("instance_pk", "")
    reason = delivery.headers.get(REASON_HEADER) or "rejected; the worker's log says why"
    return Letter(f"{cqrs_id} {pk}".rstrip(), delivery.body, str(reason))
