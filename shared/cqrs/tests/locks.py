"""Whether somebody waits for a lock right now: what tests of races wait for."""

from django.db import connection

_QUESTIONS = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT count(*) FROM information_schema.innodb_lock_waits",
}


def somebody_waits_for_a_lock() -> bool:
    """Asks the database of the tests; it is one that has row locks (marker ``row_locks``)."""
    with connection.cursor() as cursor:
        cursor.execute(_QUESTIONS[connection.vendor])
        return bool(cursor.fetchone()[0])


def assert_somebody_waits_for_a_lock() -> None:
    """The same, for ``eventually``."""
    assert somebody_waits_for_a_lock()
