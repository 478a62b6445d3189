"""The ledger and the parked messages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "cqrs_id",
                        "row_pk",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("cqrs_id", models.CharField(max_length=200)),
                ("row_pk", models.CharField(max_length=255)),
                ("revision", models.BigIntegerField(default=-1)),
                ("is_deleted", models.BooleanField(default=False)),
                ("is_monotonic", models.BooleanField(default=False)),
                ("master_updated_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger entries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_deleted", True)),
                        fields=["changed_at"],
                        name="cqrs_ledger_tombstones",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ParkedMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("retrying", "is tried again when it is due"),
                            ("waiting", "waits for the row that a foreign key of it points to"),
                            ("dead", "dead letter: nothing happens until somebody retries it"),
                        ],
                        max_length=10,
                    ),
                ),
                ("due_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("claimed_at", models.DateTimeField(editable=False, null=True)),
                ("waits_for", models.CharField(blank=True, max_length=460, null=True)),
                ("cqrs_id", models.CharField(blank=True, max_length=200, null=True)),
                ("row_pk", models.CharField(blank=True, max_length=255, null=True)),
                ("reason", models.TextField()),
                ("traceback", models.TextField(blank=True)),
                ("routing_key", models.CharField(max_length=255)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField()),
                ("parked_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["due_at"], name="cqrs_parked_due"),
                    models.Index(fields=["status", "cqrs_id"], name="cqrs_parked_status"),
                    models.Index(fields=["waits_for"], name="cqrs_parked_waits_for"),
                ],
            },
        ),
    ]
