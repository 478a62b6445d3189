"""``cqrs_consume``: runs the worker processes of a replica."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.management.arguments import positive
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.reloading import PythonFilter, watch
from dj_cqrs.replica.supervisor import WorkersManager, consume, start_process

__all__ = [
    "Command",
    "Path",
    "PythonFilter",
    "WorkersManager",
    "consume",
    "start_process",
    "watch",
]


class Command(BaseCommand):
    """Consumes messages until SIGTERM or SIGINT."""

    help = "Starts CQRS workers, which consume messages from the transport and apply them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the options."""
        parser.add_argument(
            "-w", "--workers", type=positive, default=1, help="number of processes (default: 1)"
        )
        parser.add_argument(
            "-cid", "--cqrs-id", nargs="*", help="bind the queue for these CQRS_IDs only"
        )
        parser.add_argument(
            *("-r", "--reload"),
            action="store_true",
            help="start the workers anew on SIGHUP and when Python files change (development)",
        )
        parser.add_argument(
            "--ignore-paths",
            nargs="?",
            help="directories whose changes do not matter, separated by commas",
        )
        parser.add_argument(
            "--sigint-timeout",
            type=float,
            nargs="?",
            const=5,
            default=5,
            help="seconds that a worker gets to finish what it has in hand (default: 5)",
        )
        parser.add_argument(
            "--sigkill-timeout",
            type=float,
            nargs="?",
            const=1,
            default=1,
            help="seconds to wait for the end of a worker that was killed (default: 1)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs the workers; returns when they have ended in good order.

        Callers in Python may leave out all options.
        """
        consume_kwargs = {}
        if options.get("cqrs_id"):
            consume_kwargs["cqrs_ids"] = _known(options["cqrs_id"])
        ignored = (options.get("ignore_paths") or "").split(",")
        try:
            manager = WorkersManager(
                consume_kwargs,
                workers=options.get("workers", 1),
                reload=options.get("reload", False),
                ignore_paths=[path.strip() for path in ignored if path.strip()],
                sigint_timeout=options.get("sigint_timeout", 5),
                sigkill_timeout=options.get("sigkill_timeout", 1),
            )
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        manager.run()


def _known(cqrs_ids: list[str]) -> set[str]:
    for cqrs_id in cqrs_ids:
        if cqrs_id not in ReplicaRegistry.models:
            raise CommandError(f"Wrong CQRS ID: {cqrs_id}!")
    return set(cqrs_ids)
