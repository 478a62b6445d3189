"""Columns of keys that tell every text from every other one, whatever the database's collation."""

from typing import Any

from django.db import models


def compare_exactly(schema_editor: Any, model: type[models.Model], name: str) -> None:
    """Gives a text column a collation that compares bytes; for migrations.

    By default MySQL and MariaDB take "PL", "pl" and "pl " for one key, and masters elsewhere have
    all three. The other databases tell them apart anyway.
    """
    connection = schema_editor.connection
    if connection.vendor != "mysql":
        return
    collation = "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"
    null = "NULL" if model._meta.get_field(name).null else "NOT NULL"
    quote = connection.ops.quote_name
    column: Any = model._meta.get_field(name)
    schema_editor.execute(
        f"ALTER TABLE {quote(model._meta.db_table)} MODIFY {quote(column.column)} "
        f"{column.db_type(connection)} CHARACTER SET utf8mb4 COLLATE {collation} {null}"
    )
