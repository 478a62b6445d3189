"""Loading rows from a dump: judged and written like messages, under the same locks.

A line of a dump has no headers. It is judged as the messages of its row are: by revision alone
where the row's last message said that revisions never restart, else with the clock's opinion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    connections,
    router,
    transaction,
)

from dj_cqrs.connections import is_about_connection, persistently
from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC, SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ContractError
from dj_cqrs.replica import hooks, mapping
from dj_cqrs.replica.message import Message, RawMessage, from_payload
from dj_cqrs.replica.outcome import Outcome, Result, done, failed
from dj_cqrs.replica.revision import LocalState

#: Spares the ``correlation_function`` of the settings, which is about messages.
_ORIGIN: Final = "cqrs_bulk_load"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a dump: its number in the file, and the instance data that it holds."""

    number: int
    data: Any


@dataclass(frozen=True, slots=True)
class LoadedLine:
    """What became of a line."""

    line: Line
    outcome: Outcome
    error: Exception | None = None
    #: It failed since the row of a foreign key is not here yet.
    is_orphan: bool = False


class Loader:
    """Loads the lines of one model's dump.

    Args:
        model: the replica model or class.
        cleared_at: when the caller's transaction has cleared the model (``clearing.clear``):
            lines win over all that was known before.
    """

    def __init__(self, model: Any, cleared_at: datetime | None = None) -> None:
        self._model = model
        self._using = "" if model.CQRS_NO_DB_OPERATIONS else router.db_for_write(model)
        self._cleared_at = cleared_at

    def load(self, lines: Sequence[Line]) -> list[LoadedLine]:
        """Loads lines, in one transaction where none of them makes it fail.

        Returns:
            What became of each, in no particular order.

        Raises:
            OperationalError: the database is away, or the caller's transaction is broken.
        """
        loaded: list[LoadedLine] = []
        by_payload: dict[int, Line] = {}
        messages = []
        for line in lines:
            try:
                message = _message(self._model, line.data)
            except (ContractError, mapping.MappingError) as error:
                loaded.append(LoadedLine(line, Outcome.FAILED, error))
            else:
                by_payload[id(message.payload)] = line
                messages.append(message)
        for result in self._apply(messages):
            assert result.message is not None
            line = by_payload[id(result.message.payload)]
            is_orphan = result.waits_for is not None
            loaded.append(LoadedLine(line, result.outcome, result.error, is_orphan))
        return loaded

    def _apply(self, messages: list[Message]) -> list[Result]:
        if self._model.CQRS_NO_DB_OPERATIONS:
            return [_call(message) for message in messages]
        if not messages:
            return []
        is_within = connections[self._using].in_atomic_block
        try:
            return persistently(
                self._using, partial(self._in_transaction, messages, is_last=is_within)
            )
        except (OperationalError, InterfaceError) as error:
            if is_within or is_about_connection(error, self._using):
                raise
            # The database is there: it is about a line.
            return self._in_transaction(messages, is_last=True)
        except DatabaseError as error:
            if is_within:
                raise
            return self._split(messages, error)

    def _in_transaction(self, messages: list[Message], *, is_last: bool) -> list[Result]:
        # The inbox may not be installed where a model has no database operations.
        from dj_cqrs.replica import clearing, ledger
        from dj_cqrs.replica.apply import Attempt, apply
        from dj_cqrs.replica.batch import wake_children

        keys = {message.row_pk for message in messages}
        with transaction.atomic(using=self._using):
            known = ledger.lock(self._model, keys, self._using)
            if self._cleared_at is not None:
                clearing.forget(self._model, keys, self._cleared_at, self._using)
                known = ledger.lock(self._model, keys, self._using)
            judged = [_judged_by(known[message.row_pk], message) for message in messages]
            results = apply(judged, Attempt(self._using, is_last=is_last))
            wake_children(results, self._using)
        return results

    def _split(self, messages: list[Message], error: DatabaseError) -> list[Result]:
        """The transaction fails at its commit: finds the culprit in smaller ones."""
        if len(messages) == 1:
            return [failed(messages[0], error)]
        middle = len(messages) // 2
        return [*self._apply(messages[:middle]), *self._apply(messages[middle:])]


def _judged_by(local: LocalState | None, message: Message) -> Message:
    if local is None or not local.is_monotonic:
        return message
    headers = {REVISIONS_HEADER: REVISIONS_MONOTONIC}
    return replace(message, raw=replace(message.raw, headers=headers))


def _message(model: Any, data: Any) -> Message:
    """A line as the SAVE that it stands for; hooks are called as for any other one."""
    if not isinstance(data, dict):
        raise ContractError(f"A line must be a JSON object, not {type(data).__name__}.")
    pk = _master_key(model, data)
    if pk is None or isinstance(pk, bool | dict | list):
        raise mapping.MappingError(f"CQRS PK is not provided in data ({model.CQRS_ID}).")
    payload = TransportPayload(SignalType.SAVE, model.CQRS_ID, data, pk, correlation_id=_ORIGIN)
    return from_payload(payload, RawMessage(b"", model.CQRS_ID, {}))


def _master_key(model: Any, data: dict[str, Any]) -> Any:
    """The master's key: under the name that this model's key has there, or as ``id``."""
    meta = getattr(model, "_meta", None)
    if meta is not None:
        names = {replica: master for master, replica in (model.CQRS_MAPPING or {}).items()}
        key = data.get(names.get(meta.pk.name, meta.pk.name))
        if key is not None:
            return key
    return data.get("id")


def _call(message: Message) -> Result:
    """A model without database operations: its hooks do all."""
    try:
        hooks.call(message)
    except Exception as error:  # noqa: BLE001  hooks raise what they like
        return failed(message, error)
    return done(message, Outcome.APPLIED)
