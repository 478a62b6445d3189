"""Keeping database connections usable in processes that serve no requests."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError, connections

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


def is_there(using: str) -> bool:
    """Whether the database answers on the connection in hand or on a new one."""
    try:
        _drop_if_lost(using)
        connections[using].ensure_connection()
    except (OperationalError, InterfaceError):
        return False
    return True


def _drop_if_lost(using: str) -> None:
    """Django notices a lost connection only by the error of a query."""
    connection = connections[using]
    is_open = connection.connection is not None
    if is_open and not connection.in_atomic_block and not connection.is_usable():
        connection.close()
