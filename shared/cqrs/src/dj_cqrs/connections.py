"""Keeping database connections usable in processes that serve no requests."""

from django.db import connections


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
