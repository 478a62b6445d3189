"""How this service wants its database connection, whichever database the URL names."""

from typing import Any

#: Seconds that a connection is kept between requests.
CONNECTION_MAX_AGE_SECONDS = 60
#: Seconds that a writer waits for another before "database is locked".
SQLITE_BUSY_TIMEOUT_SECONDS = 20
#: Seconds to wait for PostgreSQL to answer before the request fails.
POSTGRES_CONNECT_TIMEOUT_SECONDS = 5


def database_settings(parsed: dict[str, Any]) -> dict[str, Any]:
    """Completes a parsed database URL.

    Args:
        parsed: what django-environ makes of ``DATABASE_URL``.

    Returns:
        An entry of ``settings.DATABASES``.
    """
    options = dict(parsed.get("OPTIONS", {}))
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        options = {
            "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
            # Take the write lock at BEGIN: a transaction that reads, then writes, would otherwise
            # fail at once when another wrote in between, whatever the busy timeout.
            "transaction_mode": "IMMEDIATE",
            # Readers and the one writer do not wait for each other. `synchronous` stays FULL: a
            # commit that was seen by others must survive a power failure.
            "init_command": "PRAGMA journal_mode=WAL;",
            **options,
        }
    elif parsed["ENGINE"] == "django.db.backends.postgresql":
        options = {"connect_timeout": POSTGRES_CONNECT_TIMEOUT_SECONDS, **options}
    return {
        **parsed,
        "OPTIONS": options,
        "CONN_MAX_AGE": CONNECTION_MAX_AGE_SECONDS,
        "CONN_HEALTH_CHECKS": True,
    }
