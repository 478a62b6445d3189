"""The world around: clocks, schemas that do not fit yet, long absences, restored backups."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from faults import clocks
from faults.catalogue.fault import Fault, NotHereError, Strike
from integration_tests import databases
from local_stack.servers import PostgresServer
from local_stack.waiting import eventually

_HOUR = 3600
_QUIET_SECONDS = 120


def _clocks_apart(strike: Strike) -> None:
    """Every process gets a clock that is wrong by hours, and later the right one again."""
    if not strike.site.is_sound:
        raise NotHereError("no way to shift the clock in its environment")
    processes = [process for process in strike.site.processes if process.is_running]
    for process in processes:
        process.stop()
        hours = strike.rng.choice((-7, -2, 3, 9))
        process.start(clocks.shifted(hours * _HOUR))
    strike.site.start()
    strike.load.wait_for_writes(20)
    for process in processes:
        process.stop()
    strike.site.start()


def _schema_ahead(strike: Strike) -> None:
    """The replica's next migration is in, its code is not: a column that nobody fills."""
    table = strike.site.watched.on_replica
    _altered_for_a_while(
        strike,
        f"ALTER TABLE {table} ADD COLUMN of_the_next_release integer NOT NULL DEFAULT 0",
        f"ALTER TABLE {table} ALTER COLUMN of_the_next_release DROP DEFAULT",
        f"ALTER TABLE {table} DROP COLUMN of_the_next_release",
    )


def _schema_behind(strike: Strike) -> None:
    """The replica's code is in, its migration is not: a column that is not there."""
    table = strike.site.watched.on_replica
    column = strike.site.watched.replica_columns.split(", ")[2]
    _altered_for_a_while(
        strike,
        f"ALTER TABLE {table} RENAME COLUMN {column} TO of_the_last_release",
        f"ALTER TABLE {table} RENAME COLUMN of_the_last_release TO {column}",
    )


def _altered_for_a_while(strike: Strike, *statements: str) -> None:
    *changes, back = statements
    url = strike.site.places.replica_database
    for statement in changes:
        databases.execute(url, statement)
    try:
        time.sleep(strike.seconds(2, 5))
    finally:
        databases.execute(url, back)


def _replica_away(strike: Strike) -> None:
    """Longer than the messages' time to live, which is a second here."""
    site = strike.site
    site.consumer.stop()
    strike.load.wait_for_writes(20)
    time.sleep(2)
    site.start()


def _replica_restored(strike: Strike) -> None:
    """From a backup that is older than what the broker still has."""
    site = strike.site
    server, url = site.servers.replica_postgres, site.places.replica_database
    backup = _back_up(server, url)
    strike.load.wait_for_writes(30)
    site.consumer.stop()
    _restore(server, url, backup)
    assert site.witness is not None
    site.witness.replica_was_restored()
    site.ledger.is_to_be_mended = True
    site.start()


def _master_restored(strike: Strike) -> None:
    """Replicas are ahead of it then, and it overtakes them before anybody writes again."""
    site = strike.site
    if not site.is_sound:
        raise NotHereError("no way to bring revisions forward")
    server, url = site.servers.master_postgres, site.places.master_database
    backup = _back_up(server, url)
    strike.load.wait_for_writes(30)
    strike.load.forget_rows()
    for process in site.processes:
        if process is not site.consumer:
            process.stop()
    assert site.witness is not None
    site.witness.master_is_restored()
    _restore(server, url, backup)
    assert site.relay is not None
    site.relay.start()
    eventually(site.check_quiet, within_seconds=_QUIET_SECONDS)
    site.repair()
    site.start()


def _back_up(server: PostgresServer, url: str) -> str:
    """Copies the database; its sessions are ended for that moment."""
    name = _name(url)
    backup = f"{name}_backup_{time.monotonic_ns()}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        _replace(connection, name, lambda: _copy(connection, name, backup))
    return backup


def _restore(server: PostgresServer, url: str, backup: str) -> None:
    name = _name(url)

    def put_back() -> None:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        _copy(connection, backup, name)

    with psycopg.connect(server.url, autocommit=True) as connection:
        _replace(connection, name, put_back)


def _replace(connection: psycopg.Connection, name: str, do: Callable[[], None]) -> None:
    """Keeps everybody out of a database while something is done to it as a whole."""
    database = sql.Identifier(name)
    admit = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
    connection.execute(sql.SQL(admit).format(database, sql.SQL("false")))
    try:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        do()
    finally:
        connection.execute(sql.SQL(admit).format(database, sql.SQL("true")))


def _copy(connection: psycopg.Connection, source: str, target: str) -> None:
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(target), sql.Identifier(source)
        )
    )


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def place_faults() -> Iterator[Fault]:
    """All of them."""
    yield Fault(
        "clocks hours apart", "places", _clocks_apart, disturbs_writers=True, is_alone=True
    )
    yield Fault("replica's schema ahead of its code", "places", _schema_ahead)
    yield Fault("replica's schema behind its code", "places", _schema_behind)
    yield Fault("replica away for longer than any TTL", "places", _replica_away, is_alone=True)
    yield Fault(
        *("replica restored from a backup", "places", _replica_restored),
        forgets=True,
        is_alone=True,
    )
    yield Fault(
        *("master restored from a backup", "places", _master_restored),
        forgets=True,
        disturbs_writers=True,
        is_alone=True,
    )
