"""Keys that a client chose must not be handed out again by the database."""

from django.db import connections, models, router

_ADVANCE_POSTGRES_SEQUENCE = """
    SELECT setval(%s::regclass, %s) FROM {sequence} WHERE last_value <= %s
"""


def advance_sequence(*, model: type[models.Model], largest_id: int) -> None:
    """Makes the database go on after a key that was given explicitly.

    SQLite does so by itself (AUTOINCREMENT). One statement that only ever moves forward, as far
    as a sequence allows that: it knows no lock, so that two loaders at the same moment can still
    cost one of them a duplicate key, answered with 409.

    Args:
        model: model of the inserted rows.
        largest_id: the largest of their explicit keys.
    """
    connection = connections[router.db_for_write(model)]
    if connection.vendor != "postgresql":
        return
    table, column = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        (sequence,) = cursor.fetchone()
        cursor.execute(
            _ADVANCE_POSTGRES_SEQUENCE.format(sequence=sequence),
            [sequence, largest_id, largest_id],
        )
