"""The peer project under the fault campaign, on this library or on django-cqrs."""

import contextlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from faults.command import SiteFactory
from faults.repair import repair
from faults.site import WRITERS, Load, Network, Places, Site
from integration_tests import broker, databases
from integration_tests.process import ServiceProcess
from integration_tests.stack import Servers as Both
from integration_tests.witness import WatchedTable
from interoperability.libraries import DJANGO_CQRS, installed_django_cqrs
from interoperability.pairs import (
    OUR_MASTER,
    OUR_REPLICA,
    THEIR_MASTER,
    THEIR_REPLICA,
    Combination,
    Servers,
    outbox_size,
    relay_of,
)
from interoperability.peers import Place
from interoperability.tables import TABLES
from local_stack.waiting import eventually

_START_SECONDS = 60
_PROGRESS_SECONDS = 90
_COMMITTED = "SELECT count(*) FROM witness_history"
_RETRYING = "SELECT count(*) FROM cqrs_inbox_parkedmessage WHERE status <> 'dead'"
_DEAD_LETTERS = "SELECT body FROM cqrs_inbox_parkedmessage WHERE status = 'dead'"

OURS = Combination(OUR_MASTER, OUR_REPLICA)
THEIRS = Combination(THEIR_MASTER, THEIR_REPLICA)


class PeerSite(Site):
    """Both sides on one library, written to through the ORM."""

    # Announcements go to a listener that is none of this, rates take no broadcast syncs.
    tables = tuple(table for table in TABLES if table.cqrs_id not in {"announcement", "rate"})
    watched = WatchedTable(
        *("origin_product", "id, cqrs_revision, name, price"),
        *("copies_product", "id, cqrs_revision, title, amount"),
    )
    master_tables = ("origin_product", "origin_brand")
    replica_tables = ("copies_product", "copies_brand")

    def __init__(
        self, name: str, combination: Combination, both: Both, network: Network, place: Place
    ) -> None:
        super().__init__()
        self.name = name
        self.servers = both
        self.network = network
        self.is_sound = combination.replica.library is not DJANGO_CQRS
        self._directory = Path(tempfile.mkdtemp(prefix="peers-"))
        on_master = Servers(both.rabbitmq, both.master_postgres, self._directory)
        on_replica = Servers(both.rabbitmq, both.replica_postgres, self._directory)
        self._master = on_master.peer(combination.master, place)
        self._replica = on_replica.peer(combination.replica, place)
        self.places = Places(
            broker_url=place.broker_url,
            exchange=place.exchange,
            queue=place.queue,
            dead_letter_queue=place.dead_letter_queue,
            master_database=self._master.database_url,
            replica_database=self._replica.database_url,
        )
        master = self._master.seen(network.through)
        replica = self._replica.seen(network.through)
        # Two workers of django-cqrs overtake each other without any fault.
        self._workers = 2 if self.is_sound else 1
        self._consumer = replica.consumer(self._workers)
        self._relay = relay_of(master)
        self._writer = master.script("writer", str(WRITERS / "peer_writer.py"), place.queue)
        self._is_loaded = False

    @property
    def web(self) -> None:
        """The peers have no web server."""
        return

    @property
    def writer(self) -> ServiceProcess:
        """The one that writes; on django-cqrs it publishes too."""
        return self._writer

    @property
    def relay(self) -> ServiceProcess | None:
        """`cqrs_relay` of our library."""
        return self._relay

    @property
    def consumer(self) -> ServiceProcess:
        """`cqrs_consume`."""
        return self._consumer

    def start(self) -> None:
        """Start what does not run, and wait until it works.

        A consumer of django-cqrs may run without workers that work; it is started again then, as
        somebody on call would.
        """
        self._consumer.start()
        try:
            eventually(self._check_consuming, within_seconds=_START_SECONDS)
        except AssertionError:
            if self.is_sound:
                raise
            self._consumer.kill()
            self._consumer.start()
            eventually(self._check_consuming, within_seconds=_START_SECONDS)
        if self._relay:
            self._relay.start()
        if self._is_loaded:
            self._writer.start()

    def _check_consuming(self) -> None:
        self._consumer.check_alive()
        count = broker.consumer_count(self.places.broker_url, self.places.queue)
        assert count == self._workers, f"{count} of {self._workers} workers consume"

    @contextlib.contextmanager
    def load(self, rng: random.Random) -> Iterator[Load]:
        """The script; its chances are its own."""
        self._is_loaded = True
        self._writer.start()
        try:
            yield _PeerLoad(self.places.master_database)
        finally:
            self._is_loaded = False
            self._writer.stop()

    def declare(self) -> None:
        """A deploy step here; django-cqrs declares when its consumer starts."""
        if self.is_sound:
            self._replica.manage("cqrs_declare")
        else:
            self._consumer.stop()
            self.start()

    def sync(self) -> None:
        """All products."""
        self._sync("product")

    def _sync(self, cqrs_id: str) -> None:
        words = (f"--cqrs-id={cqrs_id}", "--filter={}", "--batch=5")
        self._master.manage("cqrs_sync", *words)

    def mend(self) -> None:
        """The pipes of the documentation; django-cqrs knows them too, but for revisions."""
        if self.is_sound:
            differing = [difference.cqrs_id for difference in self.compare() if difference]
            repair(self._master, self._replica, differing)
        else:
            for table in self.tables:
                self._sync(table.cqrs_id)

    def check_quiet(self) -> None:
        """Fail while a message is under way."""
        assert outbox_size(self._master) == 0
        super().check_quiet()
        if self.is_sound:
            assert databases.value(self.places.replica_database, _RETRYING) == 0

    def dead_letters(self) -> list[bytes]:
        """Those of the inbox, or of the broker."""
        if not self.is_sound:
            return super().dead_letters()
        rows = databases.rows(self.places.replica_database, _DEAD_LETTERS)
        return [bytes(body) for (body,) in rows]

    def close(self) -> None:
        """End all processes, and remove what is left on the broker."""
        for process in self.processes:
            process.kill()
        queues = (self.places.queue, self.places.dead_letter_queue)
        broker.delete_queues(self.places.broker_url, *queues)


class _PeerLoad(Load):
    """What the witness of the master's table has counted."""

    def __init__(self, master_database: str) -> None:
        self._master_database = master_database

    @property
    def writes(self) -> int:
        """Changes of the watched table."""
        return int(databases.value(self._master_database, _COMMITTED))

    @property
    def failures(self) -> int:
        """Nobody counts them."""
        return 0

    def wait_for_writes(self, count: int) -> None:
        """Wait until so many more changes are committed."""
        wanted = self.writes + count

        def check() -> None:
            assert self.writes >= wanted, f"{self.writes} of {wanted} changes"

        eventually(check, within_seconds=_PROGRESS_SECONDS)

    def forget_rows(self) -> None:
        """The script knows no rows but those that it finds."""


@contextlib.contextmanager
def ours(both: Both, network: Network) -> Iterator[SiteFactory]:
    """The peers on this library."""
    yield lambda: PeerSite("peer", OURS, both, network, _place(both))


@contextlib.contextmanager
def theirs(both: Both, network: Network) -> Iterator[SiteFactory]:
    """The peers on django-cqrs."""
    installed_django_cqrs()
    yield lambda: PeerSite("django-cqrs", THEIRS, both, network, _place(both))


def _place(both: Both) -> Place:
    return Servers(both.rabbitmq, both.master_postgres, Path()).place()
