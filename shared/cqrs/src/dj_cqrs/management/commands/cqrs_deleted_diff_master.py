"""``cqrs_deleted_diff_master``: the second part of the pipe that finds rows the master lost."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import router

from dj_cqrs.management import pipes
from dj_cqrs.management.arguments import master_keys, master_model
from dj_cqrs.management.paging import refuse_composite_key
from dj_cqrs.master import drift


class Command(BaseCommand):
    """Prints the keys under which the master has no row."""

    help = (
        "Reads what cqrs_deleted_diff_replica prints, and prints the keys under which there is no "
        "row here, for cqrs_deleted_sync_replica to read. Keys that come as [key, revision] are "
        "remembered, so that a row that uses one again has a higher revision; of rows that stay "
        "at home, those that a replica is ahead of are printed too."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        """Prints the header as it came, then a line for each batch with missing rows.

        Raises:
            CommandError: the input is malformed.
        """
        header, batches = pipes.read()
        model = master_model(header.cqrs_id)
        refuse_composite_key(model)
        using = router.db_for_write(model)
        self._print(header.line)
        for items in batches:
            known = master_keys(model, items)
            told = {pk: revision for pk, revision in known.items() if revision is not None}
            lost = set(drift.missing(model, list(known), using))
            revisions = drift.revisions_of_deleted(
                model, {pk: told[pk] for pk in told if pk in lost}, using
            )
            revisions |= drift.take_back(model, told, using)
            gone = [pk for pk in known if pk in lost or pk in revisions]
            if not gone:
                continue
            self.stderr.write(f"PK to delete: {gone}")
            self._print(
                pipes.line_of([pk, revisions[pk]] if pk in revisions else pk for pk in gone)
            )

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
