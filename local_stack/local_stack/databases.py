"""Creating databases on a PostgreSQL server, whoever runs it."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


def create_database(server_url: str, name: str) -> str:
    """Create an empty database, replacing one of that name, and return its URL."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def check_connection(server_url: str) -> None:
    """Raise psycopg.OperationalError if the server does not take connections."""
    psycopg.connect(server_url, connect_timeout=2).close()
