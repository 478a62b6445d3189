"""From a batch of raw messages to committed rows; whatever is in them, nobody else suffers."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from django.db import DatabaseError, router, transaction

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.privacy import telling
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica import database, hooks, log, overtaken, parents, parking, suspects
from dj_cqrs.replica.apply import Attempt, apply
from dj_cqrs.replica.database import DatabaseAwayError
from dj_cqrs.replica.message import Message, RawMessage, read
from dj_cqrs.replica.outcome import Outcome, Result, done, failed
from dj_cqrs.replica.planning import plan_for
from dj_cqrs.replica.retry import Fate

_TRIES: Final = 5


def apply_batch(raws: Sequence[RawMessage]) -> list[Result]:
    """Applies messages, keeps those that fail, and commits.

    Returns:
        One result for each message, in no particular order. ``REJECTED`` are those that not even
        the inbox can keep; all others are done with for the broker.

    Raises:
        DatabaseAwayError: a database takes nothing now. Nothing of the messages on it is
            committed; they are to be delivered again.
    """
    results: list[Result] = []
    by_database: dict[str, list[Message]] = {}
    without_database: list[Message] = []
    for raw in raws:
        message = read_or_fail(raw)
        if isinstance(message, Result):
            results.append(message)
        elif message.model.CQRS_NO_DB_OPERATIONS:
            without_database.append(message)
        else:
            by_database.setdefault(router.db_for_write(message.model), []).append(message)
    log.received(_all(by_database, without_database))
    results = _keep(results)
    for using, messages in by_database.items():
        results += _apply_on(messages, using)
    results += _keep([_call_outside(message) for message in without_database])
    return results


def _all(
    by_database: Mapping[str, Sequence[Message]], others: Sequence[Message]
) -> Iterable[Message]:
    return chain(*by_database.values(), others)


def park_suspect(raw: RawMessage, error: Exception, deaths: int) -> None:
    """Keeps a message unopened that may have killed so many workers; it is tried alone.

    Raises:
        DatabaseAwayError: the inbox takes nothing now.
    """
    message = read_or_fail(raw)
    result = failed(message, error) if isinstance(message, Message) else message
    try:
        parking.park_suspect(result, deaths, alias_of(message))
    except Exception as failure:
        raise DatabaseAwayError(f"a suspect cannot be kept: {_told(failure)}") from failure


def give_up(raw: RawMessage) -> bool:
    """Makes a dead letter of a parked message that has killed its workers.

    A dead worker cannot say that its attempt failed; found claimed, the message says it.

    Raises:
        DatabaseAwayError: the inbox takes nothing now.
    """
    parked = raw.parked
    message = read_or_fail(raw)
    if parked is None or parked.claimed_at is None or isinstance(message, Result):
        return False
    attempts = parked.attempts - 1  # the attempt in hand has not been made
    result = failed(message, suspects.judgement(parked.deaths - 1))
    if plan_for(result, attempts=attempts).fate is not Fate.DEAD:
        return False
    parked.attempts = attempts
    _keep([result])
    return True


def inbox_alias() -> str:
    """The database that keeps messages of no known model."""
    return router.db_for_write(ParkedMessage)


def alias_of(message: Message | Result) -> str:
    """Where a message is kept: beside the ledger entry of its row, if it is known."""
    if isinstance(message, Result) or message.model.CQRS_NO_DB_OPERATIONS:
        return inbox_alias()
    return router.db_for_write(message.model)


def aliases() -> list[str]:
    """The databases that have an inbox: those of the replica models, and the default one."""
    models = (
        model for model in ReplicaRegistry.models.values() if not model.CQRS_NO_DB_OPERATIONS
    )
    return list(dict.fromkeys([inbox_alias(), *(router.db_for_write(model) for model in models)]))


def read_or_fail(raw: RawMessage) -> Message | Result:
    """Reads a message; whatever is wrong with it is a result, no exception."""
    try:
        message = read(raw)
    except Exception as error:  # noqa: BLE001  whatever is in it, or a user's function raises
        return Result(raw, Outcome.FAILED, error=error)
    return message


def _call_outside(message: Message) -> Result:
    """Hooks of a model without database operations run outside any transaction."""
    try:
        if message.is_to_be_ignored:
            return done(message, Outcome.IGNORED)
        hooks.call_in_time(message)
    except Exception as error:  # noqa: BLE001  hooks raise what they like
        return failed(message, error)
    return done(message, Outcome.APPLIED)


def _apply_on(messages: list[Message], using: str) -> list[Result]:
    """Applies messages in one transaction; tries again what may be the database's fault."""
    for number in range(1, _TRIES + 1):
        try:
            return _in_transaction(messages, Attempt(using, is_last=number == _TRIES))
        except Exception as error:  # noqa: BLE001  it is sorted out here
            _raise_if_away(error, using)
            if not (database.is_conflict(error) or database.is_operational(error)):
                return _split(messages, error, using)
            last_error = error
        if number < _TRIES:
            database.pause_before_retry(number)
    if database.is_conflict(last_error):
        raise DatabaseAwayError(
            f"still in conflict with others: {_told(last_error)}"
        ) from last_error
    return _split(messages, last_error, using)


def _in_transaction(messages: list[Message], attempt: Attempt) -> list[Result]:
    with transaction.atomic(using=attempt.using):
        results = apply(messages, attempt)
        parking.settle(results, attempt.using)
        # In this order, so that two workers never wait for each other's parked messages.
        overtaken.drop(overtaken.changed_keys(results), attempt.using)
        wake_children(results, attempt.using)
    return results


def _split(messages: list[Message], error: Exception, using: str) -> list[Result]:
    """The transaction as a whole fails (at COMMIT, say): finds the culprit in smaller ones."""
    if len(messages) == 1:
        message = messages[0]
        waits_for = None
        if database.is_missing_parent(error):
            waits_for = parents.missing_for(message, using)
        return _keep([failed(message, error, waits_for)], using)
    middle = len(messages) // 2
    return [*_apply_on(messages[:middle], using), *_apply_on(messages[middle:], using)]


def _keep(results: list[Result], using: str | None = None) -> list[Result]:
    """Parks failures (and drops parked messages that are done) in a transaction of their own."""
    if not any(result.failed or result.raw.parked for result in results):
        return results
    using = using or inbox_alias()
    try:
        with transaction.atomic(using=using):
            parking.settle(results, using)
    except Exception as error:
        _raise_if_away(error, using)
        if database.is_conflict(error):
            raise DatabaseAwayError(_told(error)) from error
        if len(results) > 1:
            return [kept for result in results for kept in _keep([result], using)]
        return [_unkept(results[0], error)]
    return results


def _unkept(result: Result, error: Exception) -> Result:
    if result.raw.parked is not None:
        raise DatabaseAwayError(f"a parked message cannot be settled: {_told(error)}") from error
    return Result(result.raw, Outcome.REJECTED, result.message, error)


def _raise_if_away(error: Exception, using: str) -> None:
    """Nothing can be applied nor kept while the database is away."""
    is_of_database = isinstance(error, DatabaseError) or database.is_operational(error)
    if is_of_database and not (database.answers(using) and parking.refusal(using) is None):
        raise DatabaseAwayError(f"database {using!r} is away: {_told(error)}") from error


def _told(error: BaseException) -> str:
    """A database may quote the row that it was given."""
    return telling.about(telling.text_of(error), None)


def wake_children(results: Iterable[Result], using: str) -> None:
    """Makes due what waits for rows that were applied."""
    parent_models = parents.parent_models()
    names = {
        parents.name_of(result.message.model, result.message.payload.pk)
        for result in results
        if result.outcome is Outcome.APPLIED
        and result.message
        and result.message.model in parent_models
    }
    if names:
        parking.wake(names, using)
