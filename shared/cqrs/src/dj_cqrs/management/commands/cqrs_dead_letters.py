"""``cqrs_dead_letters``: messages that failed for good are looked at, tried again or dropped."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.management import dead_letters
from dj_cqrs.management.dead_letters import Selection, Store
from dj_cqrs.management.dead_letters.letters import as_line
from dj_cqrs.privacy import telling

_ACTIONS = {
    "retry": "Try dead letters again, with all their attempts before them.",
    "dump": "Print dead letters: one body a line; name and reason of each on standard error.",
    "purge": "Drop dead letters for good.",
}


class Command(BaseCommand):
    """Works on the inbox's dead letters and on those that the broker keeps."""

    _is_masked = False

    help = (
        "Retries, prints or drops the messages that could not be applied: those in the inbox, "
        "and those in the broker's dead letter queue. All of them, or those that the options name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares one action after the other, with the same options."""
        actions = parser.add_subparsers(dest="command", required=True)
        for name, text in _ACTIONS.items():
            action = actions.add_parser(name, help=text, description=text)
            action.add_argument(
                "--id",
                type=int,
                nargs="+",
                action="extend",
                metavar="ID",
                help="only these letters of the inbox (dump prints their ids)",
            )
            action.add_argument("--cqrs-id", "-cid", help="only letters of this model")
            action.add_argument("--pk", help="only letters about the row with this primary key")
            action.add_argument("--database", help="only the inbox of this database")
            if name != "purge":
                action.add_argument(
                    "--masked",
                    action="store_true",
                    help="print bodies for people: the values of CQRS_PRIVATE_FIELDS are masked",
                )

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs one action.

        Raises:
            CommandError: there is no store of dead letters, the broker cannot be reached, or a
                letter could not be tried again.
        """
        selection = Selection(
            ids=tuple(options["id"] or ()),
            database=options["database"],
            cqrs_id=options["cqrs_id"],
            pk=options["pk"],
        )
        self._is_masked = bool(options.get("masked"))
        try:
            self.check_transport()
            with dead_letters.opened(selection) as opened:
                getattr(self, f"handle_{options['command']}")(opened.stores)
                if opened.unreachable:
                    raise CommandError(f"Only the inbox's dead letters: {opened.unreachable}")
        except (TransportError, ConfigurationError) as error:
            raise CommandError(str(error)) from error

    def check_transport(self) -> None:
        """Refuses a service that keeps dead letters nowhere.

        Raises:
            CommandError: it has no inbox, and its transport keeps none.
        """
        if not dead_letters.has_store():
            raise CommandError("Dead letters commands available only for RabbitMQTransport.")

    def handle_retry(self, stores: Sequence[Store]) -> None:
        """Has all letters tried again; each is announced when that is certain.

        Raises:
            CommandError: some could not be; they are still dead letters.
        """
        total = self._show_total(stores)
        failed = 0
        attempts = (attempt for store in stores for attempt in store.retry())
        for number, attempt in enumerate(attempts, start=1):
            if attempt.error is not None:
                failed += 1
                self.stderr.write(f"Not retried: {attempt.letter.name}: {attempt.error}")
                continue
            self.stdout.write(f"Retrying: {number}/{total}")
            self.stdout.write(self._line(attempt.letter.body))
        if failed:
            raise CommandError(f"{failed} of {total} dead letters could not be retried.")

    def handle_dump(self, stores: Sequence[Store]) -> None:
        """Prints the bodies; what is for people only goes to standard error."""
        for store in stores:
            for letter in store.browse():
                self.stderr.write(f"{letter.name}: {letter.reason}")
                self.stdout.write(self._line(letter.body))

    def handle_purge(self, stores: Sequence[Store]) -> None:
        """Drops all letters."""
        total = self._show_total(stores)
        purged = sum(store.purge() for store in stores)
        self.stdout.write("Purged")
        if purged != total:
            self.stderr.write(f"{purged} were dropped: others came or went meanwhile.")

    def _line(self, body: bytes) -> str:
        return as_line(telling.body_text(body).encode() if self._is_masked else body)

    def _show_total(self, stores: Sequence[Store]) -> int:
        total = sum(store.count() for store in stores)
        self.stdout.write(f"Total dead letters: {total}")
        return total
