"""What a database error means: try the batch again, wait for the database, or blame a message."""

import random
import time
from typing import Any, Final

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from dj_cqrs.exceptions import TransientError

#: PostgreSQL: serialization failure, deadlock, lock not available. They concern the whole batch.
_CONFLICT_STATES: Final = frozenset({"40001", "40P01", "55P03"})
#: MySQL: lock wait timeout, deadlock.
_CONFLICT_CODES: Final = frozenset({1205, 1213})
_FOREIGN_KEY_STATE: Final = "23503"
_FOREIGN_KEY_CODES: Final = frozenset({1216, 1217, 1451, 1452})


class DatabaseAwayError(TransientError):
    """Raised when the database cannot take anything now: consuming stops until it can."""


def is_conflict(error: BaseException) -> bool:
    """Whether transactions got into each other's way, so that simply trying again helps."""
    if _sqlstate(error) in _CONFLICT_STATES or _code(error) in _CONFLICT_CODES:
        return True
    return isinstance(error, OperationalError) and "is locked" in str(error)  # SQLite


def is_operational(error: BaseException) -> bool:
    """Whether the database, not the data, is the likely cause: lost, full, too slow, read-only."""
    return isinstance(error, OperationalError | InterfaceError)


def is_missing_parent(error: BaseException) -> bool:
    """Whether a foreign key constraint was violated."""
    return (
        _sqlstate(error) == _FOREIGN_KEY_STATE
        or _code(error) in _FOREIGN_KEY_CODES
        or (isinstance(error, DatabaseError) and "FOREIGN KEY constraint failed" in str(error))
    )


def is_lost(using: str) -> bool:
    """Whether the transaction in hand is broken, so that nothing can be rescued within it."""
    connection = connections[using]
    return (
        connection.connection is None
        or connection.closed_in_transaction
        or connection.needs_rollback
    )


def answers(using: str) -> bool:
    """Whether a fresh connection works. Within a transaction of the caller it is left alone."""
    connection = connections[using]
    if connection.in_atomic_block:
        return True
    try:
        connection.close()
        connection.ensure_connection()
        return connection.is_usable()
    except (DatabaseError, InterfaceError):
        return False


def pause_before_retry(attempt: int) -> None:
    """A short random pause, so that two workers do not collide again at once."""
    time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311


def check_constraints(using: str) -> None:
    """Makes deferred constraints speak now, while the savepoint of the culprit is still open.

    Only PostgreSQL can do that cheaply. SQLite speaks at COMMIT, and the batch is split then.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        connection.check_constraints()


def _sqlstate(error: BaseException) -> str | None:
    cause: Any = error.__cause__ or error
    return getattr(cause, "sqlstate", None)


def _code(error: BaseException) -> int | None:
    cause: Any = error.__cause__ or error
    is_mysql = type(cause).__module__.partition(".")[0] in {"MySQLdb", "pymysql"}
    return cause.args[0] if is_mysql and cause.args else None
