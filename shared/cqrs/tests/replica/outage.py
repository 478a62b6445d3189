"""A PostgreSQL database that goes away and comes back."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, connections


@contextmanager
def database_away() -> Iterator[None]:
    """Nobody can connect any more, and whoever was connected is thrown out."""
    options = connection.settings_dict
    address = {
        "host": options["HOST"],
        "port": options["PORT"],
        "user": options["USER"],
        "password": options["PASSWORD"],
    }
    name = options["NAME"]
    connections.close_all()
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
