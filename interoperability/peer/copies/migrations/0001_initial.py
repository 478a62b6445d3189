from django.db import migrations, models

import dj_cqrs.mixins


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Brand",
            fields=[
                ("cqrs_revision", models.IntegerField()),
                ("cqrs_updated", models.DateTimeField()),
                ("code", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("own_words", models.TextField(null=True)),
            ],
            options={
                "abstract": False,
            },
            bases=(dj_cqrs.mixins.RawReplicaMixin, models.Model),
        ),
        migrations.CreateModel(
            name="Departure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("product_id", models.BigIntegerField()),
                ("custom", models.JSONField()),
                ("meta", models.JSONField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="HeardAnnouncement",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("revision", models.IntegerField(default=-1)),
                ("text", models.CharField(max_length=200, null=True)),
            ],
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
                ("cqrs_revision", models.IntegerField()),
                ("cqrs_updated", models.DateTimeField()),
                ("customer", models.CharField(max_length=200)),
                ("is_vip", models.BooleanField()),
                ("items", models.JSONField()),
            ],
            options={
                "abstract": False,
            },
            bases=(dj_cqrs.mixins.RawReplicaMixin, models.Model),
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
                ("cqrs_revision", models.IntegerField()),
                ("cqrs_updated", models.DateTimeField()),
                ("title", models.CharField(max_length=200)),
                ("brand_code", models.CharField(max_length=20, null=True)),
                ("amount", models.DecimalField(decimal_places=4, max_digits=12, null=True)),
                ("weight", models.FloatField(null=True)),
                ("stock", models.IntegerField()),
                ("released_on", models.DateField(null=True)),
                ("listed_at", models.DateTimeField(null=True)),
                ("batch", models.UUIDField(null=True)),
                ("attributes", models.JSONField(null=True)),
                ("notes", models.TextField(null=True)),
                ("previous", models.JSONField(null=True)),
                ("meta", models.JSONField(null=True)),
            ],
            options={
                "abstract": False,
            },
            bases=(dj_cqrs.mixins.RawReplicaMixin, models.Model),
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
                ("cqrs_revision", models.IntegerField()),
                ("cqrs_updated", models.DateTimeField()),
                ("value", models.IntegerField()),
            ],
            options={
                "abstract": False,
            },
            bases=(dj_cqrs.mixins.RawReplicaMixin, models.Model),
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("cqrs_revision", models.IntegerField()),
                ("cqrs_updated", models.DateTimeField()),
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("label", models.CharField(max_length=200)),
            ],
            options={
                "abstract": False,
            },
            bases=(dj_cqrs.mixins.RawReplicaMixin, models.Model),
        ),
    ]
