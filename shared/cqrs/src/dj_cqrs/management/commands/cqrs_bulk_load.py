"""Loads a file that ``cqrs_bulk_dump`` (or django-cqrs) has written into a replica model."""

import logging
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, Error, router, transaction

from dj_cqrs import conf, wire
from dj_cqrs.exceptions import ContractError, CQRSError
from dj_cqrs.management.arguments import add_batch, batch_size, boolean, replica_model
from dj_cqrs.privacy import telling
from dj_cqrs.replica.loading import Line, Loader
from dj_cqrs.replica.outcome import Outcome

logger = logging.getLogger("django-cqrs")

_STDIN: Final = "-"
_FIRST_ROW: Final = 2
#: Lines that may wait for the row of a foreign key further down in the file.
_MAX_ORPHANS: Final = 100_000
#: Ours and the database's; those of users' hooks are told in full.
_EXPECTED_ERRORS: Final = (CQRSError, Error, ValidationError)


class Command(BaseCommand):
    """``cqrs_bulk_load``: rows that are here in the same or a newer revision are left alone."""

    help = "Loads a dump of cqrs_bulk_dump into the replica model that its first line names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument(
            "--input", "-i", required=True, help="file to load; - for standard input"
        )
        parser.add_argument(
            *("--clear", "-c"),
            type=boolean,
            nargs="?",
            const=True,
            default=False,
            metavar="true|false",
            help="remove all rows first, in the same transaction; the dump wins over newer rows",
        )
        add_batch(parser, "rows in one transaction")

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs the command.

        Raises:
            CommandError: an argument or the file is wrong; or, after all others were loaded, some
                lines failed.
        """
        with _opened(options["input"]) as stream:
            header = stream.readline()
            if not header.strip():
                raise CommandError(f"File {options['input']} is empty!")
            model = replica_model(header.decode("utf-8-sig", "replace").strip())
            is_cleared = boolean(options.get("clear") or False)
            _check(model, is_cleared)
            loading = _Loading(self, model, batch_size(options))
            try:
                with loading.cleared() if is_cleared else nullcontext():
                    loading.run(stream)
            except Error as error:
                raise CommandError(f"The database is away, or in conflict: {error}") from error
        self.stderr.write(loading.summary())
        if loading.failed:
            raise CommandError(f"{loading.failed} line(s) could not be loaded.")


class _Loading:
    """One run: counts, and says which lines fail."""

    def __init__(self, command: BaseCommand, model: Any, size: int) -> None:
        self._command = command
        self._model = model
        self._size = size
        self._loader = Loader(model)
        self._orphans: list[Line] = []
        self._loaded = self._skipped = self.failed = 0

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """A transaction that removes all rows and takes in the new ones: nobody sees a gap."""
        from dj_cqrs.replica import clearing  # the inbox may not be installed

        using = router.db_for_write(self._model)
        with transaction.atomic(using=using):
            try:
                cleared_at = clearing.clear(self._model, using)
            except DatabaseError as error:
                raise CommandError(f"Delete operation fails! {error}") from error
            self._loader = Loader(self._model, cleared_at)
            yield

    def run(self, stream: Iterable[bytes]) -> None:
        """Loads all lines; those that wait for others once more at the end."""
        lines = self._parsed(stream)
        while batch := list(islice(lines, self._size)):
            self._load(batch, may_wait=True)
        while self._orphans:
            orphans, self._orphans = self._orphans, []
            before = self._loaded
            for start in range(0, len(orphans), self._size):
                self._load(orphans[start : start + self._size], may_wait=True)
            if self._loaded == before:
                last, self._orphans = self._orphans, []
                self._load(last, may_wait=False)

    def summary(self) -> str:
        """The last words."""
        text = f"Done!\n{self._loaded} instance(s) loaded."
        if self._skipped:
            text += f"\n{self._skipped} instance(s) are here in the same or a newer revision."
        return text

    def _parsed(self, stream: Iterable[bytes]) -> Iterator[Line]:
        for number, text in enumerate(stream, _FIRST_ROW):
            try:
                yield Line(number, wire.decode(text))
            except ContractError:
                self._command.stderr.write(f"Dump file can't be parsed: line {number}!")
                self.failed += 1

    def _load(self, lines: list[Line], *, may_wait: bool) -> None:
        results = self._loader.load(lines)
        for result in sorted(results, key=lambda result: result.line.number):
            if result.outcome is Outcome.APPLIED:
                self._loaded += 1
            elif result.error is None:
                self._skipped += 1
            elif may_wait and result.is_orphan and len(self._orphans) < _MAX_ORPHANS:
                self._orphans.append(result.line)
            else:
                self._fail(result.line, result.error)

    def _fail(self, line: Line, error: Exception) -> None:
        self.failed += 1
        number, told = line.number, telling.about_row(str(error), self._model, line.data)
        if isinstance(error, _EXPECTED_ERRORS):
            logger.error("CQRS load: line %s: %s", number, told)
            self._command.stderr.write(f"Instance can't be saved: line {number}!")
        else:
            self._command.stderr.write(f"Unexpected error: line {number}! {told}")


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == _STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115  closed below; errors inside are not ours
    except FileNotFoundError:
        raise CommandError(f"File {name} doesn't exist!") from None
    except OSError as error:
        raise CommandError(f"File {name} can't be read: {error}") from error
    with stream as opened:
        yield opened


def _check(model: Any, is_cleared: bool) -> None:
    if model.CQRS_NO_DB_OPERATIONS:
        if is_cleared:
            raise CommandError(f"Delete operation fails! {model.CQRS_ID} has no rows of its own.")
    elif not conf.inbox_is_installed():
        raise CommandError("There is no inbox: add 'dj_cqrs.inbox' to INSTALLED_APPS and migrate.")
