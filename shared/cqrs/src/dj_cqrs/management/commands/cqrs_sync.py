"""Sends the full state of rows that match a filter."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import router
from django.db.models import QuerySet

from dj_cqrs.management.paging import keyset_pages
from dj_cqrs.master import sync
from dj_cqrs.registries import MasterRegistry


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
        parser.add_argument("--batch", "-b", type=int, default=10_000, help="rows per transaction")
        parser.add_argument("--progress", "-p", action="store_true", help="show the progress")

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs the command."""
        model = MasterRegistry.models.get(options["cqrs_id"])
        if model is None:
            raise CommandError(f"Wrong CQRS ID: {options['cqrs_id']}!")
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        queryset = self._queryset(model, options["filter"])
        total = queryset.count()
        if not total:
            self.stdout.write("No objects found for filter!")
            return
        self._sync(model, queryset, total, options)

    def _queryset(self, model: Any, text: str | None) -> "QuerySet[Any]":
        using = router.db_for_write(model)
        rows: QuerySet[Any] = model._default_manager.using(using).order_by("pk")
        if not text:
            return rows.none()
        try:
            arguments = json.loads(text)
            if not isinstance(arguments, dict):
                raise CommandError("Bad filter kwargs! It must be a JSON object.")
            return rows.filter(**arguments)
        except (FieldError, ValidationError, TypeError, ValueError) as error:
            raise CommandError(f"Bad filter kwargs! {error}") from error

    def _sync(
        self, model: Any, queryset: "QuerySet[Any]", total: int, options: dict[str, Any]
    ) -> None:
        batch = options["batch"]
        self.stdout.write(f"Processing {total} records with batch size {batch}")
        started = time.monotonic()
        processed = synced = 0
        for pks in keyset_pages(queryset, batch):
            synced += sync.sync_rows(model, pks, using=queryset.db, queue=options["queue"])
            processed += len(pks)
            if options["progress"]:
                self._show(processed, total, time.monotonic() - started)
        self.stdout.write(
            f"Done!\n{synced} instance(s) synced.\n{processed} instance(s) processed."
        )

    def _show(self, processed: int, total: int, seconds: float) -> None:
        rate = processed / seconds if seconds else 0.0
        percent = 100 * processed / total
        self.stdout.write(
            f"\r{processed} of {total} processed - {percent:.0f}% with rate {rate:.1f} rps",
            ending="",
        )
        if processed >= total:
            self.stdout.write("")
