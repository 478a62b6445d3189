"""Applying a batch of messages to rows, within one transaction of the caller.

For each model: lock the keys, judge every message in the order of delivery, write what is news,
remember it. Where that fails, the group is split until the culprit stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from dj_cqrs import timeouts
from dj_cqrs.exceptions import TransientError
from dj_cqrs.fail_points import reach
from dj_cqrs.logger import timed_out_queries_logged
from dj_cqrs.replica import database, dependents, ledger, parents
from dj_cqrs.replica.message import Message
from dj_cqrs.replica.outcome import Outcome, Result, done, failed
from dj_cqrs.replica.revision import Decision, LocalState, advance, decide
from dj_cqrs.replica.writers import Writer, writer_for


class MissingParentError(TransientError):
    """Raised when the row that a foreign key points to is not here yet, or not here again."""

    def __init__(self, parent: str) -> None:
        super().__init__(f"waits for {parent}")
        self.parent = parent


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a batch. Only the last one blames messages for what looks like the database."""

    using: str
    is_last: bool = True
    #: Whether a deleted row takes newer ones with it that point to it.
    takes_newer: bool = False

    def escapes(self, error: Exception) -> bool:
        """Whether the error concerns the transaction as a whole."""
        if database.is_conflict(error) or database.is_lost(self.using):
            return True
        if timeouts.is_own_timeout(error):
            return False  # somebody's statement is too slow; the split finds out whose
        return database.is_operational(error) and not self.is_last


def apply(messages: Sequence[Message], attempt: Attempt) -> list[Result]:
    """Applies messages of database models.

    Raises:
        Exception: only what ``attempt`` lets escape; the transaction is to be rolled back then.
    """
    groups: dict[Any, list[Message]] = {}
    for message in messages:
        groups.setdefault(message.model, []).append(message)
    results = []
    for model in parents.in_dependency_order(groups):
        results += _apply_group(model, groups[model], attempt)
    return results


def _apply_group(model: Any, messages: list[Message], attempt: Attempt) -> list[Result]:
    try:
        with transaction.atomic(using=attempt.using):
            return _apply_together(model, messages, attempt)
    except Exception as error:
        if attempt.escapes(error):
            raise
        if len(messages) == 1:
            return [_blamed(messages[0], error, attempt.using)]
    middle = len(messages) // 2
    return [
        *_apply_group(model, messages[:middle], attempt),
        *_apply_group(model, messages[middle:], attempt),
    ]


def _apply_together(model: Any, messages: list[Message], attempt: Attempt) -> list[Result]:
    using = attempt.using
    known = ledger.lock(model, {message.row_pk for message in messages}, using)
    waiting = parents.missing(model, messages, using)
    if not attempt.takes_newer:
        waiting |= dependents.newer(model, messages, using)
    writer = writer_for(model, using)
    changed: dict[str, LocalState] = {}
    results = []
    with timed_out_queries_logged(using), timeouts.limited(using):
        for position, message in enumerate(messages):
            local = known[message.row_pk]
            try:
                outcome, state = _judge(message, local)
                if state is not None:
                    _write(message, waiting.get(position), writer)
                    known[message.row_pk] = changed[message.row_pk] = state
                results.append(done(message, outcome, local))
            except Exception as error:
                if attempt.escapes(error):
                    raise
                results.append(_blamed(message, error, using))
        writer.flush()
    if changed:
        reach("consumer.applied")
    ledger.save(model, changed, using)
    return results


def _judge(message: Message, local: LocalState | None) -> tuple[Outcome, LocalState | None]:
    """The outcome of a message, and the state that it leads to if it is news."""
    if message.is_to_be_ignored:
        return Outcome.IGNORED, None
    incoming = message.incoming()
    decision = decide(local, incoming)
    if decision is Decision.DUPLICATE:
        return Outcome.DUPLICATE, None
    if decision is Decision.STALE:
        return Outcome.STALE, None
    return Outcome.APPLIED, advance(local, incoming)


def _write(message: Message, missing_parent: str | None, writer: Writer) -> None:
    if missing_parent is not None:
        raise MissingParentError(missing_parent)
    writer.write(message)


def _blamed(message: Message, error: Exception, using: str) -> Result:
    """A failed message; with the row that it waits for, if that is why it failed."""
    waits_for = None
    if isinstance(error, MissingParentError):
        waits_for = error.parent
    elif database.is_missing_parent(error):
        waits_for = parents.missing_for(message, using)
    return failed(message, error, waits_for)
