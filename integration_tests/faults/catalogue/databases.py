"""Databases are restarted, end their sessions, conflict and take their time."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from faults.catalogue.fault import Fault, Strike
from faults.site import Site
from integration_tests import databases
from local_stack.servers import PostgresServer

_DEADLOCK_ROUNDS = 12
_LOCK_TIMEOUT = "SET lock_timeout = '2s'"


@dataclass(frozen=True, slots=True)
class _Side:
    """A service's database, the server that it is on, and its busiest tables."""

    server: PostgresServer
    url: str
    tables: Sequence[str]

    @property
    def name(self) -> str:
        """The database's name."""
        return urlsplit(self.url).path.removeprefix("/")


_SIDES: dict[str, Callable[[Site], _Side]] = {
    "master's database": lambda site: _Side(
        site.servers.master_postgres, site.places.master_database, site.master_tables
    ),
    "replica's database": lambda site: _Side(
        site.servers.replica_postgres, site.places.replica_database, site.replica_tables
    ),
}
_OF_WRITERS = "master's database"


def _kill(strike: Strike, side: _Side) -> None:
    side.server.kill()
    time.sleep(strike.seconds(0, 2))
    side.server.start()


def _restart(_strike: Strike, side: _Side) -> None:
    side.server.restart()


def _end_sessions(_strike: Strike, side: _Side) -> None:
    """As an administrator does, or a pooler that is restarted."""
    databases.execute(
        side.server.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        side.name,
    )


def _deadlock(strike: Strike, side: _Side) -> None:
    """Locks rows in an order that nobody agreed on; PostgreSQL picks who has to give way."""
    with psycopg.connect(side.url, autocommit=True) as connection:
        connection.execute("SET deadlock_timeout = '3s'")  # the others notice first
        for _ in range(_DEADLOCK_ROUNDS):
            with suppress(psycopg.OperationalError), connection.transaction():
                for table in strike.rng.sample(side.tables, len(side.tables)):
                    _lock_some_rows(connection, table, strike.rng)
                    time.sleep(0.05)


def _lock_some_rows(connection: psycopg.Connection, table: str, rng: random.Random) -> None:
    order = sql.SQL("DESC" if rng.random() < 0.5 else "ASC")
    statement = sql.SQL("SELECT FROM {} ORDER BY ctid {} LIMIT 40 FOR UPDATE")
    connection.execute(statement.format(sql.Identifier(table), order))


def _serialize(strike: Strike, side: _Side) -> None:
    """Every transaction is SERIALIZABLE for a while: some fail, and are to be tried again."""
    name = sql.Identifier(side.name)
    level = sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = serializable")
    reset = sql.SQL("ALTER DATABASE {} RESET default_transaction_isolation")
    with psycopg.connect(side.server.url, autocommit=True) as connection:
        connection.execute(level.format(name))
        try:
            _end_sessions(strike, side)
            time.sleep(strike.seconds(2, 4))
        finally:
            connection.execute(reset.format(name))
            _end_sessions(strike, side)


def _slow(strike: Strike, side: _Side) -> None:
    """Whoever writes to a table has to wait."""
    with (
        psycopg.connect(side.url) as connection,
        suppress(psycopg.errors.LockNotAvailable),
    ):
        connection.execute(_LOCK_TIMEOUT)
        table = sql.Identifier(strike.rng.choice(side.tables))
        connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(table))
        time.sleep(strike.seconds(0.5, 3))


_HITS: dict[str, Callable[[Strike, _Side], None]] = {
    "killed": _kill,
    "restarted": _restart,
    "ends its sessions": _end_sessions,
    "deadlocks": _deadlock,
    "fails to serialize": _serialize,
    "slow": _slow,
}


def _on(side: str, hit: Callable[[Strike, _Side], None]) -> Callable[[Strike], None]:
    return lambda strike: hit(strike, _SIDES[side](strike.site))


def database_faults() -> Iterator[Fault]:
    """All of them."""
    for side in _SIDES:
        for name, hit in _HITS.items():
            yield Fault(
                f"{side} {name}",
                "databases",
                _on(side, hit),
                disturbs_writers=side == _OF_WRITERS,
            )
