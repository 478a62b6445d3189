"""Sends the full state of rows that match a filter."""

import argparse
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from dj_cqrs.connections import persistently
from dj_cqrs.management.arguments import add_batch, batch_size, filtered, master_model, rows_of
from dj_cqrs.management.paging import keyset_pages, refuse_composite_key
from dj_cqrs.management.progress import Progress
from dj_cqrs.master.bulk_sync import SyncRequest, above_all, sync_rows
from dj_cqrs.privacy import telling

#: ``--force`` without a number.
_ABOVE_ALL: Final = -1
#: What a revision's column holds, less the step above it.
_MAX_REVISION: Final = 2**31 - 2


class Command(BaseCommand):
    """``cqrs_sync``: beside live writes, at any time; replicas refuse what they have newer."""

    help = "Sends the current state of a model's rows to its replicas."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--cqrs-id", "-cid", required=True, help="CQRS_ID of the model")
        parser.add_argument(
            "--filter", "-f", help="JSON object of filter arguments; '{}' for all rows"
        )
        parser.add_argument("--queue", "-q", help="send to this queue only")
        add_batch(parser, "rows in a batch")
        parser.add_argument("--progress", "-p", action="store_true", help="show the progress")
        parser.add_argument(
            "--delay", type=_seconds, default=0.0, help="seconds to wait between two batches"
        )
        parser.add_argument(
            "--force",
            type=_revision,
            nargs="?",
            const=_ABOVE_ALL,
            metavar="REVISION",
            help="for a master that was restored from a backup: first raises the rows' revisions "
            "above this one, the replicas' highest; without a number, above what any should have",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs the command; callers in Python may leave out all options but ``cqrs_id``.

        Raises:
            CommandError: an argument is wrong; or, after all others were sent, some rows failed.
        """
        model = master_model(options["cqrs_id"])
        refuse_composite_key(model)
        size = batch_size(options)
        rows = filtered(rows_of(model), options.get("filter"))
        total = persistently(rows.db, rows.count)
        if not total:
            self.stdout.write("No objects found for filter!")
            return
        above = self._raise_above(model, rows.db, options.get("force"))
        request = SyncRequest(model, rows.db, options.get("queue"), above)
        is_shown = bool(options.get("progress"))
        if is_shown:
            self.stdout.write(f"Processing {total} records with batch size {size}")
        with Progress(total, self.stdout, is_shown=is_shown) as progress:
            pages = keyset_pages(rows, size)
            synced, failed = self._sync(request, pages, progress, options.get("delay") or 0.0)
        self.stdout.write(
            f"Done!\n{synced} instance(s) synced.\n{progress.done} instance(s) processed."
        )
        if failed:
            raise CommandError(f"{failed} instance(s) could not be synced.")

    def _sync(
        self,
        request: SyncRequest,
        pages: Iterable[list[Any]],
        progress: Progress,
        delay_seconds: float,
    ) -> tuple[int, int]:
        synced = failed = 0
        for pks in pages:
            if progress.done:
                time.sleep(delay_seconds)
            try:
                report = sync_rows(request, pks)
            except (OperationalError, InterfaceError) as error:
                raise CommandError(
                    f"The database is away: {error} {synced} instance(s) were synced before."
                ) from error
            for failure in report.failures:
                kind = type(failure.error).__name__
                told = telling.of_master(failure.error, request.model)
                self.stdout.write(f"\nSync record failed for pk={failure.pk}: {kind}: {told}")
            synced += report.synced
            failed += len(report.failures)
            progress.advance(len(pks))
        return synced, failed

    def _raise_above(self, model: Any, using: str, force: int | None) -> int | None:
        """The number that ``--force`` stands for. From Python: True, or the number."""
        if force is None or force is False:
            return None
        is_given = force is not True and force != _ABOVE_ALL
        above = force if is_given else persistently(using, partial(above_all, model, using))
        if not 0 <= above <= _MAX_REVISION:
            raise CommandError(f"Revisions cannot be raised above {above}.")
        self.stdout.write(f"Revisions are raised above {above}.")
        return above


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds.")
    return seconds


def _revision(text: str) -> int:
    try:
        revision = int(text)
    except ValueError:
        revision = -1
    if not 0 <= revision <= _MAX_REVISION:
        raise argparse.ArgumentTypeError(f"{text!r} is no revision.")
    return revision
