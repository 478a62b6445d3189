from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cqrs_inbox", "0003_messages_of_a_row"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkerHeartbeat",
            fields=[
                ("name", models.CharField(max_length=250, primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=200)),
                ("pid", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("beat_at", models.DateTimeField()),
                ("doing", models.CharField(blank=True, max_length=500)),
                ("progress_seconds", models.FloatField(null=True)),
                ("waiting_seconds", models.FloatField(null=True)),
                ("failing_seconds", models.FloatField(null=True)),
            ],
            options={
                "verbose_name": "worker",
            },
        ),
        migrations.AddField(
            model_name="parkedmessage",
            name="deaths",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
    ]
