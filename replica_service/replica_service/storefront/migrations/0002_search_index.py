"""On PostgreSQL, an index for the search: words are looked for anywhere in a text.

Trigrams need an extension. Where it is not installed, or this role may not create it, the search
works without, and reads the whole table; create the index by hand then.
"""

import logging

from django.db import (
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    migrations,
    transaction,
)
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

logger = logging.getLogger(__name__)

INDEX = "track_search_trigrams"


def create_index(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {INDEX} "
                "ON storefront_track USING gin (search_text gin_trgm_ops)"
            )
    except (InternalError, NotSupportedError, OperationalError, ProgrammingError) as error:
        logger.warning("The search gets no index: %s", error)


def drop_index(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):
    dependencies = [("storefront", "0001_initial")]

    operations = [migrations.RunPython(create_index, drop_index)]
