import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Announcement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cqrs_revision",
                    models.IntegerField(
                        default=0,
                        help_text="This field must be incremented on any model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "cqrs_updated",
                    models.DateTimeField(
                        auto_now=True,
                        help_text="This field must be incremented on every model update. It's used to for CQRS sync.",
                    ),
                ),
                ("text", models.CharField(max_length=200)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Brand",
            fields=[
                (
                    "cqrs_revision",
                    models.IntegerField(
                        default=0,
                        help_text="This field must be incremented on any model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "cqrs_updated",
                    models.DateTimeField(
                        auto_now=True,
                        help_text="This field must be incremented on every model update. It's used to for CQRS sync.",
                    ),
                ),
                ("code", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("is_vip", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Rate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cqrs_revision",
                    models.IntegerField(
                        default=0,
                        help_text="This field must be incremented on any model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "cqrs_updated",
                    models.DateTimeField(
                        auto_now=True,
                        help_text="This field must be incremented on every model update. It's used to for CQRS sync.",
                    ),
                ),
                ("value", models.IntegerField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                (
                    "cqrs_revision",
                    models.IntegerField(
                        default=0,
                        help_text="This field must be incremented on any model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "cqrs_updated",
                    models.DateTimeField(
                        auto_now=True,
                        help_text="This field must be incremented on every model update. It's used to for CQRS sync.",
                    ),
                ),
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("label", models.CharField(max_length=200)),
                ("secret", models.CharField(default="", max_length=200)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cqrs_revision",
                    models.IntegerField(
                        default=0,
                        help_text="This field must be incremented on any model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "cqrs_updated",
                    models.DateTimeField(
                        auto_now=True,
                        help_text="This field must be incremented on every model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="origin.customer"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("item", models.CharField(max_length=200)),
                ("count", models.IntegerField()),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="origin.order",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cqrs_revision",
                    models.IntegerField(
                        default=0,
                        help_text="This field must be incremented on any model update. It's used to for CQRS sync.",
                    ),
                ),
                (
                    "cqrs_updated",
                    models.DateTimeField(
                        auto_now=True,
                        help_text="This field must be incremented on every model update. It's used to for CQRS sync.",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("price", models.DecimalField(decimal_places=4, max_digits=12, null=True)),
                ("weight", models.FloatField(null=True)),
                ("stock", models.IntegerField(default=0)),
                ("released", models.DateField(null=True)),
                ("listed_at", models.DateTimeField(null=True)),
                ("batch", models.UUIDField(null=True)),
                ("is_listed", models.BooleanField(default=True)),
                ("attributes", models.JSONField(null=True)),
                ("notes", models.TextField(null=True)),
                ("internal", models.CharField(default="stays at home", max_length=200)),
                (
                    "brand",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to="origin.brand"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
