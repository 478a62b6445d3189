"""``cqrs_diff_master``: the first part of the pipe that finds rows which differ on a replica."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from dj_cqrs.management import inventory, pipes
from dj_cqrs.management.arguments import (
    add_batch,
    add_filter,
    batch_size,
    filtered,
    master_model,
    rows_of,
)
from dj_cqrs.management.paging import refuse_composite_key


class Command(BaseCommand):
    """Prints the revisions of a model's rows."""

    help = (
        "Prints key and revision of a master model's rows, for cqrs_diff_replica to read: "
        "manage.py cqrs_diff_master --cqrs-id=X | ssh replica manage.py cqrs_diff_replica | "
        "ssh master manage.py cqrs_diff_sync"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--cqrs-id", "-cid", required=True, help="CQRS_ID of the master model")
        add_filter(parser)
        add_batch(parser, "rows in a line")

    def handle(self, *_: Any, **options: Any) -> None:
        """Prints the header, then a line for each batch.

        Raises:
            CommandError: an argument is wrong.
        """
        model = master_model(options["cqrs_id"])
        refuse_composite_key(model)
        rows, text = rows_of(model), options.get("filter")
        if text:
            rows = filtered(rows, text)
        # Also where nothing is found: an empty stream means that this command failed.
        self._print(pipes.Header.of_now(model.CQRS_ID).line)
        has_found = False
        for page in inventory.of_master(rows, batch_size(options)):
            if page:
                has_found = True
                self._print(pipes.line_of(page))
        if not has_found:
            self.stderr.write("No objects found for filter!")

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
