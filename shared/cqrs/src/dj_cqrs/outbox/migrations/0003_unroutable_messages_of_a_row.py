"""Messages that no queue takes say which state of which row they are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cqrs_outbox", "0002_exact_keys")]

    operations = [
        migrations.AddField(
            model_name="outboxmessage",
            name="row_pk",
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddField(
            model_name="outboxmessage",
            name="revision",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                condition=models.Q(("is_unroutable", True)),
                fields=["cqrs_id", "row_pk"],
                name="cqrs_outbox_unroutable",
            ),
        ),
    ]
