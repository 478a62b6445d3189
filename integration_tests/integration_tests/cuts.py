"""Holds a process of a service between two of its steps, so that it can be killed there.

The services know nothing of it: a trigger in their database waits for a lock that the test holds.
A client that is killed meanwhile leaves its session behind for a moment: what waits inside a
statement is rolled back when it goes on, and what waits inside COMMIT is committed.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import psycopg
from psycopg import sql

from local_stack.waiting import eventually

_REACHED_SECONDS = 60
_KEYS = random.SystemRandom()

Event = Literal["INSERT", "UPDATE", "DELETE"]

_FUNCTION = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock({key});
        RETURN NULL;
    END $$
"""
_IN_STATEMENT = """
    CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()
"""
_IN_COMMIT = """
    CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION {name}()
"""
_WAITING = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted AND ((classid::bigint << 32) | objid::bigint) = %s
"""


class Cut:
    """A place where sessions wait until it is released."""

    def __init__(self, connection: psycopg.Connection, key: int) -> None:
        self._connection = connection
        self._key = key
        self._is_held = True
        connection.execute("SELECT pg_advisory_lock(%s)", [key])

    def wait_until_reached(self) -> None:
        """Wait until a session waits here."""

        def somebody_waits() -> None:
            assert self.waiting() > 0, "nobody has come so far"

        eventually(somebody_waits, within_seconds=_REACHED_SECONDS)

    def release(self) -> None:
        """Let everybody go on, and wait until all who waited here have passed."""
        if not self._is_held:
            return
        self._is_held = False
        self._connection.execute("SELECT pg_advisory_unlock(%s)", [self._key])

        def nobody_waits() -> None:
            assert self.waiting() == 0, "somebody still waits"

        eventually(nobody_waits, within_seconds=_REACHED_SECONDS)

    def waiting(self) -> int:
        """How many sessions wait here."""
        row = self._connection.execute(_WAITING, [self._key]).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def cut(database_url: str, table: str, event: Event, *, in_commit: bool = False) -> Iterator[Cut]:
    """Make every session wait that changes a row of the table.

    Args:
        database_url: database of the service.
        table: the table.
        event: the kind of change.
        in_commit: True to wait within COMMIT, when the client can no longer prevent it; False to
            wait within the statement.
    """
    key = _KEYS.getrandbits(62)
    words = {
        "name": sql.Identifier(f"cut_{key}"),
        "table": sql.Identifier(table),
        "event": sql.SQL(event),
        "key": sql.Literal(key),
    }
    trigger = _IN_COMMIT if in_commit else _IN_STATEMENT
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL(_FUNCTION).format(**words))
        connection.execute(sql.SQL(trigger).format(**words))
        place = Cut(connection, key)
        try:
            yield place
        finally:
            place.release()
            connection.execute(sql.SQL("DROP FUNCTION {name} CASCADE").format(**words))
