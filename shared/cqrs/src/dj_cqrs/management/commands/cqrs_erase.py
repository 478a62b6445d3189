"""``cqrs_erase``: removes what this service still stores of a row's former states."""

import shlex
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, router

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.management.dead_letters import Selection
from dj_cqrs.management.erasure import Erased
from dj_cqrs.management.erasure.in_replica import Erasure
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from dj_cqrs.replica import hooks, mapping


class Command(BaseCommand):
    """Works on the outbox, the inbox and the dead letters in the broker, whichever are here."""

    help = (
        "Removes stored messages about one row that something newer has made needless: from the "
        "outbox, the inbox and this service's dead letter queue. Run it on the master, then on "
        "each replica. What others still wait for is kept, and told of; it ends with 1 if old "
        "values may be left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--cqrs-id", "-cid", required=True, help="CQRS_ID of the model")
        parser.add_argument("--pk", required=True, help="the row's primary key on the master")
        parser.add_argument(
            "--revision",
            type=int,
            help="the row's revision on the master: on a replica everything below it is needless",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias of the database whose outbox is meant (default: the model's)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs the command.

        Raises:
            CommandError: the arguments make no sense, the broker cannot be reached, or something
                is kept that may hold old values.
        """
        cqrs_id, is_dry_run = options["cqrs_id"], options["dry_run"]
        if cqrs_id not in MasterRegistry.models and cqrs_id not in ReplicaRegistry.models:
            raise CommandError(f"Wrong CQRS ID: {cqrs_id}!")
        unfinished: list[str] = []
        try:
            for report in self._run(cqrs_id, options["pk"], options):
                self._show(report, is_dry_run)
                unfinished += report.unfinished
        except TransportError as error:
            unfinished.append(f"the broker's dead letters were not looked at: {error}")
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        if unfinished:
            raise CommandError("Old values may be left: " + "; ".join(dict.fromkeys(unfinished)))

    def _run(self, cqrs_id: str, pk: str, options: Mapping[str, Any]) -> Iterator[Erased]:
        master, replica = MasterRegistry.models.get(cqrs_id), ReplicaRegistry.models.get(cqrs_id)
        is_dry_run = options["dry_run"]
        if master is not None:
            _check_key(master._meta.pk.to_python, pk, master)
            if conf.outbox_is_installed():
                using = options["database"] or router.db_for_write(master)
                yield from self._erase_from_outbox(master, pk, using, is_dry_run)
        if replica is not None:
            if hooks.is_written_by_us(replica, "cqrs_save"):
                _check_key(lambda key: mapping.to_python(replica._meta.pk, key), pk, replica)
            selection = Selection(cqrs_id=cqrs_id, pk=pk)
            yield from Erasure(replica, selection, options["revision"], is_dry_run).run()

    def _erase_from_outbox(
        self, model: Any, pk: str, using: str, is_dry_run: bool
    ) -> Iterator[Erased]:
        from dj_cqrs.management.erasure import in_outbox

        key = model._meta.pk.to_python(pk)
        yield in_outbox.erase(model, key, using, is_dry_run=is_dry_run)
        told = in_outbox.newest(model, key, using)
        if told is not None:
            what = "was deleted with" if told.is_deleted else "is at"
            arguments = f"--cqrs-id={model.CQRS_ID} --pk={shlex.quote(pk)}"
            self.stdout.write(
                f"The row {what} revision {told.revision}. On each replica: "
                f"cqrs_erase {arguments} --revision={told.revision}"
            )

    def _show(self, report: Erased, is_dry_run: bool) -> None:
        verb = "would be removed" if is_dry_run else "removed"
        self.stdout.write(f"{report.where}: {report.removed} {verb}, {len(report.kept)} kept")
        for line in report.kept:
            self.stdout.write(f"  kept: {line}")


def _check_key(to_python: Any, pk: str, model: Any) -> None:
    try:
        to_python(pk)
    except (ValidationError, mapping.MappingError, TypeError, ValueError, OverflowError) as error:
        raise CommandError(f"{pk!r} is no primary key of {model.__name__}.") from error
