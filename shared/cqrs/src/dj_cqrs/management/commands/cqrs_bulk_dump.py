"""Writes the rows of a master model to a file, for ``cqrs_bulk_load`` on a replica."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dj_cqrs.connections import persistently
from dj_cqrs.management.arguments import add_batch, batch_size, master_model, rows_of
from dj_cqrs.management.files import whole_file
from dj_cqrs.management.paging import keyset_pages
from dj_cqrs.management.progress import Progress
from dj_cqrs.master.dumping import dump_rows
from dj_cqrs.privacy import telling

_STDOUT = "-"


class Command(BaseCommand):
    """``cqrs_bulk_dump``: the first line is the CQRS_ID, each other one a row as JSON."""

    help = "Dumps all rows of a master model to a file, for cqrs_bulk_load."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--cqrs-id", "-c", required=True, help="CQRS_ID of the model")
        parser.add_argument(
            "--output", "-o", help="file to write; - for standard output (default: CQRS_ID.dump)"
        )
        add_batch(parser, "rows in a batch")
        parser.add_argument("--progress", "-p", action="store_true", help="show the progress")
        parser.add_argument("--force", "-f", action="store_true", help="replace an existing file")

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs the command.

        Raises:
            CommandError: an argument is wrong; or, after all others were written, some rows
                failed.
        """
        model = master_model(options["cqrs_id"])
        output = options.get("output") or f"{model.CQRS_ID}.dump"
        if output == _STDOUT:
            failed = self._dump(model, options, lambda text: self.stdout.write(text, ending=""))
        else:
            failed = self._dump_to_file(model, options, Path(output))
        if failed:
            raise CommandError(f"{failed} instance(s) could not be dumped.")

    def _dump_to_file(self, model: Any, options: dict[str, Any], path: Path) -> int:
        if path.exists() and not options.get("force"):
            raise CommandError(f"File {path} exists!")
        try:
            with whole_file(path) as stream:
                return self._dump(model, options, stream.write)
        except OSError as error:
            raise CommandError(f"File {path} can't be written: {error}") from error

    def _dump(self, model: Any, options: dict[str, Any], write: Callable[[str], Any]) -> int:
        """Writes a dump; returns how many rows failed."""
        size = batch_size(options)
        is_shown = bool(options.get("progress"))
        rows = rows_of(model)
        total = persistently(rows.db, rows.count) if is_shown else 0
        if is_shown:
            self.stderr.write(f"Processing {total} records with batch size {size}")
        saved = failed = 0
        write(model.CQRS_ID)
        with Progress(total, self.stderr, is_shown=is_shown) as progress:
            for pks in keyset_pages(rows, size):
                for row in dump_rows(model, pks, rows.db):
                    if row.error is None:
                        write(f"\n{row.line}")
                        saved += 1
                    else:
                        self._tell_failure(model, row.pk, row.error)
                        failed += 1
                progress.advance(len(pks))
        self.stderr.write(
            f"Done!\n{saved} instance(s) saved.\n{progress.done} instance(s) processed."
        )
        return failed

    def _tell_failure(self, model: Any, pk: Any, error: Exception) -> None:
        kind, error_text = type(error).__name__, telling.of_master(error, model)
        self.stderr.write(f"\nDump record failed for pk={pk}: {kind}: {error_text}")
