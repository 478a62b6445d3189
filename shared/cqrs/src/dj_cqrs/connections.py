"""Keeping database connections usable in processes that serve no requests."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError, connections, transaction

_Result = TypeVar("_Result")

#: Seconds before each new try of what a lost connection has interrupted.
_PAUSES_SECONDS: Final = (0.1, 0.5, 2.0, 5.0)


def refresh_connections() -> None:
    """Closes connections that are broken or too old, as Django does before a request.

    ``CONN_MAX_AGE = 0`` means "until the end of the request"; a worker has none, and connecting
    anew for every batch would cost more than the batch. A caller's transaction is left alone.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            continue
        if connection.settings_dict["CONN_MAX_AGE"] == 0:
            connection.close_at = None
        connection.close_if_unusable_or_obsolete()


def persistently(using: str, action: Callable[[], _Result]) -> _Result:
    """Does something in the database, again on a new connection where the old one was lost.

    For commands that run for hours. Within a transaction of the caller there is no second try.

    Args:
        using: database alias.
        action: harmless to repeat: a query, or a transaction of its own.

    Raises:
        OperationalError: it still fails after some seconds.
    """
    for pause_seconds in _PAUSES_SECONDS:
        try:
            _drop_if_lost(using)
            return action()
        except (OperationalError, InterfaceError):
            if connections[using].in_atomic_block:
                raise
            time.sleep(pause_seconds)
    return action()


def is_about_connection(error: Exception, using: str) -> bool:
    """Whether an error says that nothing else would fare better now: the database is away."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    connection = connections[using]
    if connection.in_atomic_block:
        return connection.needs_rollback or connection.closed_in_transaction
    try:
        _drop_if_lost(using)
        connection.ensure_connection()
    except (OperationalError, InterfaceError):
        return True
    return False


def _drop_if_lost(using: str) -> None:
    """Django notices a lost connection only by the error of a query."""
    connection = connections[using]
    is_open = connection.connection is not None
    if is_open and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


@contextmanager
def snapshot(using: str) -> Iterator[None]:
    """A transaction whose queries all see the database at one moment, where it can do that.

    A transaction of the caller stays as it is.
    """
    connection = connections[using]
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(using=using):
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
