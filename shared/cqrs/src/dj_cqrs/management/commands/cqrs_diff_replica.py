"""``cqrs_diff_replica``: the second part of the pipe that finds rows which differ on a replica."""

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import router

from dj_cqrs import conf
from dj_cqrs.management import pipes
from dj_cqrs.management.arguments import check_replica_keys, replica_model
from dj_cqrs.management.paging import refuse_composite_key

if TYPE_CHECKING:
    from dj_cqrs.replica.drift import Difference


class Command(BaseCommand):
    """Prints the keys of rows that are missing here or have another revision."""

    help = (
        "Reads what cqrs_diff_master prints, and prints the keys of the rows that are missing "
        "here or have another revision, for cqrs_diff_sync to read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument(
            "--revisions",
            action="store_true",
            help="for a master that was restored from a backup: print rows that are ahead of it "
            "as [key, revision], so that its cqrs_diff_sync raises their revisions above these. "
            "The master must be one of this library, not of django-cqrs.",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Prints the header with this service's queue, then a line for each batch that differs.

        Raises:
            CommandError: the input is malformed, or its model has no rows here.
        """
        header, batches = pipes.read()
        model = replica_model(header.cqrs_id)
        if model.CQRS_NO_DB_OPERATIONS:
            raise CommandError(f"{model.__name__} has no rows to compare: its hooks do all.")
        refuse_composite_key(model)
        begun_at = header.begun_at
        self._print(header.with_queue(conf.config().queue).line)
        ahead = 0
        for items in batches:
            found = _differences(model, items, begun_at)
            if not found:
                continue
            self.stderr.write(f"PK to resync: { ({each.pk for each in found}) }")
            ahead += sum(each.ahead_at is not None for each in found)
            self._print(pipes.line_of(_shown(each, options.get("revisions")) for each in found))
        if ahead and not options.get("revisions"):
            self.stderr.write(
                f"{ahead} of them are ahead of the master (was it restored?): replicas refuse to "
                "go back. Run this with --revisions, so that the master can overtake them."
            )

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _differences(model: Any, items: list[pipes.Item], begun_at: Any) -> "list[Difference]":
    from dj_cqrs.replica import drift

    for item in items:
        if item.revision is None:
            raise CommandError(f"Line {item.line}: {item.pk!r} comes without a revision.")
    check_replica_keys(model, items)
    revisions = {item.pk: item.revision for item in items if item.revision is not None}
    using = router.db_for_write(model)
    return drift.differences(model, revisions, using, begun_at=begun_at)


def _shown(difference: "Difference", with_revision: bool | None) -> Any:
    if with_revision and difference.ahead_at is not None:
        return [difference.pk, difference.ahead_at]
    return difference.pk
