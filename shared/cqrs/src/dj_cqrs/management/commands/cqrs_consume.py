"""``cqrs_consume``: runs the worker processes of a replica."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.supervisor import WorkersManager, consume

__all__ = ["Command", "WorkersManager", "consume"]


class Command(BaseCommand):
    """Consumes messages until SIGTERM or SIGINT."""

    help = "Starts CQRS workers, which consume messages from the transport and apply them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the options."""
        parser.add_argument(
            "-w", "--workers", type=_count, default=1, help="number of processes (default: 1)"
        )
        parser.add_argument(
            "-cid", "--cqrs-id", nargs="*", help="bind the queue for these CQRS_IDs only"
        )
        parser.add_argument(
            "--sigint-timeout",
            type=float,
            default=5,
            help="seconds that a worker gets to finish what it has in hand (default: 5)",
        )
        parser.add_argument(
            "--sigkill-timeout",
            type=float,
            default=1,
            help="seconds to wait for the end of a worker that was killed (default: 1)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Runs the workers; returns when they have ended in good order."""
        consume_kwargs = {}
        if options["cqrs_id"]:
            consume_kwargs["cqrs_ids"] = _known(options["cqrs_id"])
        WorkersManager(
            consume_kwargs,
            workers=options["workers"],
            sigint_timeout=options["sigint_timeout"],
            sigkill_timeout=options["sigkill_timeout"],
        ).run()


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError("at least one worker is needed")
    return count


def _known(cqrs_ids: list[str]) -> set[str]:
    for cqrs_id in cqrs_ids:
        if cqrs_id not in ReplicaRegistry.models:
            raise CommandError(f"Wrong CQRS ID: {cqrs_id}!")
    return set(cqrs_ids)
