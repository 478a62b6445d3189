"""Keys are compared exactly on MySQL and MariaDB too."""

from typing import Any

from django.db import migrations

from dj_cqrs.exact_text import compare_exactly


def forwards(apps: Any, schema_editor: Any) -> None:
    """Other databases need nothing."""
    for name in ("LedgerEntry", "ParkedMessage"):  # which are compared with each other
        compare_exactly(schema_editor, apps.get_model("cqrs_inbox", name), "row_pk")


class Migration(migrations.Migration):
    dependencies = [("cqrs_inbox", "0001_initial")]

    # MySQL and MariaDB change no table within a transaction.
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop, atomic=False)]
