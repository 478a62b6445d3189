"""``CQRS_QUERY_TIMEOUT``: no statement of a message may keep a worker for ever.

The limit holds for the statements that write a message's row, not for waiting for a key's lock,
and it is gone afterwards: others use the same connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import DatabaseError, connections, router

from dj_cqrs import conf, constants

_PG_TIMEOUT_STATE: Final = "57014"
#: MariaDB's word for what MySQL says with ``MYSQL_TIMEOUT_ERROR_CODE``.
_MARIADB_TIMEOUT_ERROR_CODE: Final = 1969

# The former value and the new one in one round trip; "true" ends it with the transaction at last.
_PG_LIMIT: Final = (
    "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)"
)
_PG_RESTORE: Final = "SELECT set_config('statement_timeout', %s, true)"


def apply_query_timeouts(model: Any) -> None:
    """Limits every statement on the model's database connection from now on.

    Part of the contract, for code of one's own. The consumer's limit ends with the message.
    Databases other than PostgreSQL, MySQL and MariaDB have none.
    """
    milliseconds = conf.config().replica.query_timeout_ms
    if not milliseconds or model.CQRS_NO_DB_OPERATIONS:
        return
    connection = connections[router.db_for_write(model)]
    if connection.vendor not in constants.SUPPORTED_TIMEOUT_DB_VENDORS:
        return
    with connection.cursor() as cursor:
        if connection.vendor == constants.DB_VENDOR_PG:
            cursor.execute(f"SET statement_timeout TO {milliseconds:d}")
        else:
            cursor.execute(*_mysql_limit(connection, milliseconds))


@contextmanager
def limited(using: str) -> Iterator[None]:
    """Within it, a statement that takes too long is an error of its message.

    To be used within a transaction that ends (or a savepoint that is rolled back) on an error.
    """
    connection = connections[using]
    milliseconds = conf.config().replica.query_timeout_ms
    if not milliseconds or connection.vendor not in constants.SUPPORTED_TIMEOUT_DB_VENDORS:
        yield
    elif connection.vendor == constants.DB_VENDOR_PG:
        with connection.cursor() as cursor:
            cursor.execute(_PG_LIMIT, [f"{milliseconds}ms"])
            before = cursor.fetchone()[0]
        yield
        with connection.cursor() as cursor:
            cursor.execute(_PG_RESTORE, [before])
    else:
        with _limited_mysql_session(connection, milliseconds):
            yield


def is_own_timeout(error: BaseException | None) -> bool:
    """Whether a statement took longer than ``CQRS_QUERY_TIMEOUT``."""
    return bool(conf.config().replica.query_timeout_ms) and is_timeout(error)


def is_timeout(error: BaseException | None) -> bool:
    """Whether the database says that a statement took too long."""
    cause: Any = getattr(error, "__cause__", None) or error
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        # Also said of a statement that an operator cancels, hence the text.
        return state == _PG_TIMEOUT_STATE and constants.PG_TIMEOUT_FLAG in str(cause)
    arguments = getattr(cause, "args", None) or (None,)
    codes = (constants.MYSQL_TIMEOUT_ERROR_CODE, _MARIADB_TIMEOUT_ERROR_CODE)
    if arguments[0] in codes:
        return True
    return isinstance(error, DatabaseError) and constants.PG_TIMEOUT_FLAG in str(cause)


@contextmanager
def _limited_mysql_session(connection: Any, milliseconds: int) -> Iterator[None]:
    """There the limit belongs to the session, so it is taken back whatever happens."""
    variable = "max_statement_time" if connection.mysql_is_mariadb else "max_execution_time"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT @@SESSION.{variable}")
        before = cursor.fetchone()[0]
        cursor.execute(*_mysql_limit(connection, milliseconds))
    try:
        yield
    finally:
        if connection.connection is not None:
            # Django refuses statements in a broken transaction; this one touches no data.
            with connection.create_cursor() as cursor:
                cursor.execute(f"SET SESSION {variable} = %s", [before])


def _mysql_limit(connection: Any, milliseconds: int) -> tuple[str, list[Any]]:
    if connection.mysql_is_mariadb:
        return "SET SESSION max_statement_time = %s", [milliseconds / 1000]
    return "SET SESSION max_execution_time = %s", [milliseconds]
