"""``cqrs_status``: whether this service does its work, for people, scripts and probes."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dj_cqrs.health.broker import check_broker
from dj_cqrs.health.report import Report
from dj_cqrs.health.reporting import report
from dj_cqrs.management.status_table import show


class Command(BaseCommand):
    """Looks at outbox, relays, workers, inbox and broker, as far as this service has them."""

    help = "Says whether this service does its work; exits with 1 if it does not."
    #: The database may be away: that is one of the answers.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the options."""
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--no-broker", action="store_true", help="do not connect to the broker"
        )
        parser.add_argument(
            "--exclude",
            nargs="+",
            default=[],
            metavar="CHECK",
            help="checks to leave out: database, outbox, relay, workers, parked, broker",
        )
        parser.add_argument(
            "--own",
            action="store_true",
            help="look at relays and workers of this host alone, as a container's own probe does",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Prints the report; raises CommandError if a check failed."""
        found = report(exclude=options["exclude"], is_own=options["own"])
        if not options["own"] and not options["no_broker"] and "broker" not in options["exclude"]:
            found = Report((*found.checks, check_broker()))
        if options["json"]:
            self.stdout.write(json.dumps(found.to_dict(), indent=2))
        else:
            show(found, self.stdout)
        if not found.is_ok:
            names = ", ".join(check.name for check in found.failures)
            raise CommandError(f"This service does not do all of its work: {names}.")
