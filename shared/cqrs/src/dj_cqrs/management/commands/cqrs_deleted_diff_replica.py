"""``cqrs_deleted_diff_replica``: the first part of the pipe that finds rows the master lost."""

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import router

from dj_cqrs.management import inventory, pipes
from dj_cqrs.management.arguments import (
    add_batch,
    add_filter,
    batch_size,
    filtered,
    replica_model,
    rows_of,
)
from dj_cqrs.management.paging import refuse_composite_key


class Command(BaseCommand):
    """Prints the keys of a model's rows."""

    help = (
        "Prints the keys of a replica model's rows, for cqrs_deleted_diff_master to read: "
        "manage.py cqrs_deleted_diff_replica --cqrs-id=X | ssh master manage.py "
        "cqrs_deleted_diff_master | ssh replica manage.py cqrs_deleted_sync_replica"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument(
            "--cqrs-id", "-cid", required=True, help="CQRS_ID of the replica model"
        )
        add_filter(parser)
        add_batch(parser, "rows in a line")
        parser.add_argument(
            "--revisions",
            action="store_true",
            help="print [key, revision], also of rows that were deleted here, so that a master "
            "that was restored lets rows that use such a key again go on after it, and takes back "
            "what it no longer sends. The master must be one of this library, not of django-cqrs.",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Prints the header, then a line for each batch.

        Raises:
            CommandError: an argument is wrong.
        """
        model = replica_model(options["cqrs_id"])
        if model.CQRS_NO_DB_OPERATIONS:
            raise CommandError(f"{model.__name__} has no rows to compare: its hooks do all.")
        refuse_composite_key(model)
        pages = _pages(model, options.get("filter"), batch_size(options))
        if options.get("revisions") and not options.get("filter"):
            pages = chain(pages, _tombstones(model, batch_size(options)))
        # Before the first row is read: what comes later is newer than this list.
        self._print(pipes.Header.of_now(model.CQRS_ID).line)
        has_found = False
        for page in pages:
            has_found = True
            keys = [pk for pk, _ in page]
            self._print(pipes.line_of(page if options.get("revisions") else keys))
        if not has_found:
            self.stderr.write("No objects found for filter!")

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _tombstones(model: Any, size: int) -> Iterator[list[inventory.Revision]]:
    """A restored master gives keys away again that it has forgotten; here they are not."""
    from dj_cqrs.replica import drift

    return drift.tombstones(model, router.db_for_write(model), size)


def _pages(model: Any, text: str | None, size: int) -> Iterator[list[inventory.Revision]]:
    from dj_cqrs.replica import drift

    if drift.finds_rows(model):
        rows = rows_of(model)
        return inventory.of_replica(filtered(rows, text) if text else rows, size)
    if text:
        raise CommandError(
            f"{model.__name__} finds its rows by hooks of its own, so the master's keys are known "
            "from the ledger only: --filter cannot be used."
        )
    return drift.ledger_keys(model, router.db_for_write(model), size)
