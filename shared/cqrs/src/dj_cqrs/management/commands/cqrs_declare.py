"""``cqrs_declare``: the deploy step of a replica, before its first sync."""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport.selection import transport_class

#: Seconds between two attempts while the broker is not there yet.
RETRY_SECONDS = 1.0


class Command(BaseCommand):
    """Creates what this service needs on the broker; harmless to repeat."""

    help = "Creates this service's exchange, queues and bindings on the broker, if missing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes how long to wait for the broker, and what is not wanted any more."""
        parser.add_argument(
            "--wait",
            type=_seconds,
            default=0.0,
            metavar="SECONDS",
            help="keep trying for so long while the broker does not answer (default: once)",
        )
        parser.add_argument(
            "--unbind",
            nargs="+",
            default=[],
            metavar="CQRS_ID",
            help="models that were removed: their messages come no more",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 (Django's signature)
        """Prints what there is now; exits with 1 and the reason where that failed."""
        for cqrs_id in options["unbind"]:
            if cqrs_id in ReplicaRegistry.models:
                raise CommandError(f"{cqrs_id} is a replica model of this service.")
        try:
            transport = transport_class()
            lines = list(_declare(transport.declare, wait_seconds=options["wait"]))
            if options["unbind"]:
                lines += transport.unbind(options["unbind"])
            for line in lines:
                self.stdout.write(line)
        except (TransportError, ConfigurationError) as error:
            raise CommandError(str(error)) from error


def _declare(declare: Callable[[], Sequence[str]], *, wait_seconds: float) -> Sequence[str]:
    """Retries while the broker is away; a wrong configuration is final."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return declare()
        except TransportError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(RETRY_SECONDS)


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return seconds
