"""``cqrs_diff_sync``: the last part of the pipe that finds rows which differ on a replica."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, router

from dj_cqrs.management import pipes
from dj_cqrs.management.arguments import add_batch, batch_size, master_keys, master_model
from dj_cqrs.management.paging import refuse_composite_key
from dj_cqrs.management.progress import Progress
from dj_cqrs.master import drift
from dj_cqrs.master.bulk_sync import SyncReport, SyncRequest, sync_rows
from dj_cqrs.master.revisions import chunks


class Command(BaseCommand):
    """Sends the rows whose keys it reads; those that a replica has newer get a new revision."""

    help = (
        "Reads what cqrs_diff_replica prints, and sends these rows to that replica's queue. Rows "
        "that come as [key, revision] are raised above that revision before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        add_batch(parser, "rows at a time")
        parser.add_argument("--progress", "-p", action="store_true", help="show the progress")

    def handle(self, *_: Any, **options: Any) -> None:
        """Sends all rows.

        Raises:
            CommandError: the input is malformed; or, after all others were sent, some rows failed.
        """
        header, batches = pipes.read()
        model = master_model(header.cqrs_id)
        refuse_composite_key(model)
        size, is_shown = batch_size(options), bool(options.get("progress"))
        total, processed = SyncReport(), 0
        for items in batches:
            floors = master_keys(model, items)
            if is_shown:
                self.stdout.write(f"Processing {len(floors)} records with batch size {size}")
            with Progress(len(floors), self.stdout, is_shown=is_shown) as progress:
                for pks in chunks(list(floors), size):
                    for request, keys in _requests(model, header.queue, pks, floors):
                        total += self._sync(request, keys, total.synced)
                    progress.advance(len(pks))
            processed += len(floors)
        self.stdout.write(
            f"Done!\n{total.synced} instance(s) synced.\n{processed} instance(s) processed."
        )
        if total.failures:
            raise CommandError(f"{len(total.failures)} instance(s) could not be synced.")

    def _sync(self, request: SyncRequest, pks: list[Any], synced_before: int) -> SyncReport:
        try:
            report = sync_rows(request, pks)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database is away: {error} {synced_before} instance(s) were synced before."
            ) from error
        for failure in report.failures:
            kind = type(failure.error).__name__
            self.stdout.write(f"\nSync record failed for pk={failure.pk}: {kind}: {failure.error}")
        return report


def _requests(
    model: Any, queue: str | None, pks: list[Any], floors: Mapping[Any, int | None]
) -> list[tuple[SyncRequest, list[Any]]]:
    """One request for the rows that may be sent as they are, and one for each revision to pass.

    A row that has passed it by itself since the comparison is sent as it is.
    """
    using = router.db_for_write(model)
    current = drift.current_revisions(model, [pk for pk in pks if floors[pk] is not None], using)
    by_floor: dict[int | None, list[Any]] = {}
    for pk in pks:
        floor = floors[pk]
        is_behind = floor is not None and current.get(pk, floor) <= floor
        by_floor.setdefault(floor if is_behind else None, []).append(pk)
    return [
        (SyncRequest(model, using, queue, raise_above=floor), keys)
        for floor, keys in by_floor.items()
    ]
