"""Databases of the services: migrated once, then copied for every stack that needs its own."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from local_stack.servers import PostgresServer

Row = tuple[Any, ...]


def copy_database(server: PostgresServer, template: str, name: str) -> str:
    """Create a database as a copy of another one that nobody is connected to; returns its URL."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return urlunsplit(urlsplit(server.url)._replace(path=f"/{name}"))


def rows(url: str, query: str, *parameters: Any) -> list[Row]:
    """Rows of one query, on a connection of its own."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


def query_all(url: str, queries: Iterable[str]) -> list[list[Row]]:
    """Rows of each of several queries, on one connection."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        return [connection.execute(query.encode()).fetchall() for query in queries]


def value(url: str, query: str, *parameters: Any) -> Any:
    """The one value that a query returns."""
    return rows(url, query, *parameters)[0][0]


def execute(url: str, statement: str, *parameters: Any) -> int:
    """Run a statement and commit it; returns how many rows it touched."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        return connection.execute(statement.encode(), parameters or None).rowcount
