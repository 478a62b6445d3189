"""Publishes the outbox until SIGTERM or SIGINT."""

import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from dj_cqrs import conf
from dj_cqrs.transport.selection import transport_class


class Command(BaseCommand):
    """``cqrs_relay``: one process; start more of them for more throughput."""

    help = "Publishes the messages of the outbox and deletes them after the broker's confirm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            choices=tuple(connections),
            help="alias of the database whose outbox is published",
        )
        parser.add_argument(
            "--batch-size", type=int, help="messages to claim at once (default: the setting)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Runs the command."""
        if not conf.outbox_is_installed():
            raise CommandError("There is no outbox: add 'dj_cqrs.outbox' to INSTALLED_APPS.")
        from dj_cqrs.heartbeats import stores
        from dj_cqrs.outbox.relay import Relay

        stop = Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        publisher = transport_class().publisher()
        batch_size = options["batch_size"] or conf.config().master.relay_batch_size
        using = options["database"]
        pulse = stores.pulse("relay", stores.of_relays(using))
        relay = Relay(publisher, using=using, batch_size=batch_size, pulse=pulse)
        self.stdout.write(f"Relaying the outbox of database {options['database']!r}.")
        try:
            relay.run(stop.is_set)
        finally:
            publisher.close()
