"""The parked messages of one row are found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cqrs_inbox", "0002_exact_keys")]

    operations = [
        migrations.AddIndex(
            model_name="parkedmessage",
            index=models.Index(fields=["cqrs_id", "row_pk"], name="cqrs_parked_row"),
        )
    ]
