"""``cqrs_deleted_sync_replica``: the last part of the pipe that finds rows the master lost."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dj_cqrs.management import pipes
from dj_cqrs.management.arguments import check_replica_keys, replica_model
from dj_cqrs.management.paging import refuse_composite_key
from dj_cqrs.privacy import telling
from dj_cqrs.replica import removal


class Command(BaseCommand):
    """Removes rows through the model's hooks, as the DELETEs that were lost would have."""

    help = (
        "Reads what cqrs_deleted_diff_master prints, and removes these rows, unless something "
        "came for them since cqrs_deleted_diff_replica listed them."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        """Removes the rows.

        Raises:
            CommandError: the input is malformed; or, after all others were removed, some failed.
        """
        header, batches = pipes.read()
        model = replica_model(header.cqrs_id)
        if not model.CQRS_NO_DB_OPERATIONS:
            refuse_composite_key(model)
        listed_at = header.begun_at
        removed = failed = processed = 0
        for items in batches:
            check_replica_keys(model, items)
            gone = [removal.Gone(item.pk, item.revision) for item in items]
            done = removal.remove(model, gone, listed_at=listed_at)
            for failure in done.failures:
                pk = failure.message.payload.pk if failure.message else None
                told = telling.about_row(str(failure.error), model)
                self.stderr.write(
                    f"Delete failed for pk={pk}: {type(failure.error).__name__}: {told}"
                )
            removed += done.removed
            failed += len(done.failures)
            processed += len(items)
        self.stdout.write(
            f"Done!\n{removed} instance(s) deleted.\n{processed} instance(s) processed."
        )
        if failed:
            raise CommandError(f"{failed} instance(s) could not be deleted.")
