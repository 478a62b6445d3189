"""The site that matters: the shop's services, with load through their API and through the ORM."""

import contextlib
import random
import sys
from collections.abc import Iterator

from faults.repair import repair
from faults.site import WRITERS, Load, Network, Places, Site
from integration_tests import broker, databases
from integration_tests.fail_points import FailPoints
from integration_tests.process import ServiceProcess
from integration_tests.settling import outbox_size
from integration_tests.stack import Servers, Stack, Templates
from integration_tests.tables import TABLES
from integration_tests.witness import TRACKS
from integration_tests.writer import Writer

_DEAD_LETTERS = "SELECT body FROM cqrs_inbox_parkedmessage WHERE status = 'dead'"
_PARKED = """
    SELECT status, cqrs_id, row_pk, attempts, reason FROM cqrs_inbox_parkedmessage
    WHERE status <> 'dead' ORDER BY id LIMIT 5
"""


class ShopSite(Site):
    """Master and replica of this repository."""

    name = "shop"
    tables = TABLES
    watched = TRACKS
    master_tables = ("catalogue_track", "catalogue_artist", "cqrs_outbox_outboxmessage")
    replica_tables = ("storefront_track", "storefront_artist", "cqrs_inbox_ledgerentry")
    is_sound = True

    def __init__(self, servers: Servers, templates: Templates, network: Network) -> None:
        super().__init__()
        self.servers = servers
        self.network = network
        self._stack = Stack(servers, templates, through=network.through)
        self.places = Places(
            broker_url=self._stack.broker_url,
            exchange=broker.EXCHANGE,
            queue=self._stack.replica.queue,
            dead_letter_queue=self._stack.replica.dead_letter_queue,
            master_database=self._stack.master.database_url,
            replica_database=self._stack.replica.database_url,
        )
        self._writer = self._stack.master.process(
            "writer", sys.executable, str(WRITERS / "shop_writer.py"), self._stack.token
        )
        self._is_loaded = False

    @property
    def web(self) -> ServiceProcess:
        """The master's gunicorn."""
        return self._stack.master.web

    @property
    def writer(self) -> ServiceProcess:
        """A script in the master's environment."""
        return self._writer

    @property
    def relay(self) -> ServiceProcess:
        """`cqrs_relay`."""
        return self._stack.master.relay

    @property
    def consumer(self) -> ServiceProcess:
        """`cqrs_consume`."""
        return self._stack.replica.consumer

    def start(self) -> None:
        """Start what does not run, and wait until it works."""
        self._stack.start()
        if self._is_loaded:
            self._writer.start()

    @contextlib.contextmanager
    def load(self, rng: random.Random) -> Iterator[Load]:
        """Clerks with the API, and the script."""
        with Writer(self._stack.master.url, rng) as clerks:
            self._is_loaded = True
            self._writer.start()
            try:
                yield _ShopLoad(clerks)
            finally:
                self._is_loaded = False
                self._writer.stop()

    def declare(self) -> None:
        """`cqrs_declare` of the replica."""
        self._stack.replica.manage("cqrs_declare")

    def sync(self) -> None:
        """All tracks; killed in the middle, it is started again."""
        words = ("--cqrs-id=track", "--filter={}", "--batch=5")
        sync = self._stack.master.manage_process("sync", "cqrs_sync", *words)
        while sync.run_to_end() != 0:
            pass

    def fail_points(self, point: str) -> FailPoints:
        """Those of the service that comes there."""
        is_replicas = point.startswith("consumer.")
        service = self._stack.replica if is_replicas else self._stack.master
        return service.fail_points

    def mend(self) -> None:
        """The pipes of docs/operations.md, for the models that differ."""
        differing = [difference.cqrs_id for difference in self.compare() if difference]
        repair(self._stack.master, self._stack.replica, differing)

    def check_quiet(self) -> None:
        """Fail while a message is in the outbox, in the queue, or parked for later."""
        assert outbox_size(self._stack) == 0, f"{outbox_size(self._stack)} in the outbox"
        super().check_quiet()
        parked = self._rows(_PARKED)
        assert not parked, f"parked: {parked}"

    def leftovers(self) -> list[str]:
        """Dead letters that are no poison."""
        strange = [body for body in self.dead_letters() if body not in self.ledger.poison]
        return [f"dead letter: {body[:120]!r}" for body in strange]

    def dead_letters(self) -> list[bytes]:
        """Those of the inbox."""
        return [bytes(body) for (body,) in self._rows(_DEAD_LETTERS)]

    def _rows(self, query: str) -> list[databases.Row]:
        return databases.rows(self.places.replica_database, query)

    def close(self) -> None:
        """End all processes."""
        self._writer.kill()
        self._stack.close()


class _ShopLoad(Load):
    """What the clerks count; the script writes about as much."""

    def __init__(self, clerks: Writer) -> None:
        self._clerks = clerks

    @property
    def writes(self) -> int:
        """Requests that were answered with success."""
        return self._clerks.writes

    @property
    def failures(self) -> int:
        """Requests that were not."""
        return self._clerks.failures

    def wait_for_writes(self, count: int) -> None:
        """Wait until so many more requests have succeeded."""
        self._clerks.wait_for_writes(count)

    def forget_rows(self) -> None:
        """The clerks take new shelves."""
        self._clerks.forget_rows()
