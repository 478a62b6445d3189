"""A master and its replica, each on the library that a test wants."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from integration_tests import broker, databases
from integration_tests.process import ServiceProcess
from interoperability.libraries import DJANGO_CQRS, OURS
from interoperability.peers import Flavour, Peer, Place
from interoperability.tables import assert_equal_tables
from local_stack.servers import PostgresServer, RabbitMQServer
from local_stack.waiting import eventually

_START_SECONDS = 60

THEIR_MASTER = Flavour(DJANGO_CQRS, "origin")
OUR_MASTER = Flavour(OURS, "dj_cqrs.outbox origin")
OUR_DIRECT_MASTER = Flavour(OURS, "origin")
THEIR_REPLICA = Flavour(DJANGO_CQRS, "copies")
OUR_REPLICA = Flavour(OURS, "dj_cqrs.inbox copies")
THEIR_LISTENER = Flavour(DJANGO_CQRS, "listening")
OUR_LISTENER = Flavour(OURS, "listening")


@dataclass(frozen=True, slots=True)
class Combination:
    """Who is on which side."""

    master: Flavour
    replica: Flavour

    def __str__(self) -> str:
        return f"{self.master} to {self.replica}"


class Servers:
    """Real servers, and databases migrated once for each flavour."""

    def __init__(
        self, rabbitmq: RabbitMQServer, postgres: PostgresServer, directory: Path
    ) -> None:
        self.rabbitmq = rabbitmq
        self._postgres = postgres
        self._directory = directory
        self._templates: dict[Flavour, str] = {}

    def place(self) -> Place:
        """An exchange and a queue of one's own."""
        name = uuid4().hex[:8]
        return Place(self.rabbitmq.url, f"exchange_{name}", f"queue_{name}")

    def peer(self, flavour: Flavour, place: Place, **variables: str) -> Peer:
        """A service with an empty, migrated database."""
        url = databases.copy_database(
            self._postgres, self._template(flavour), f"peer_{uuid4().hex[:8]}"
        )
        directory = self._directory / place.queue
        directory.mkdir(exist_ok=True)
        return Peer(flavour, place, url, directory, variables)

    def _template(self, flavour: Flavour) -> str:
        if flavour not in self._templates:
            name = f"template_{uuid4().hex[:8]}"
            url = self._postgres.create_database(name)
            place = Place(self.rabbitmq.url, "none", "none")
            Peer(flavour, place, url, self._directory).manage("migrate", "-v", "0")
            self._templates[flavour] = name
        return self._templates[flavour]


class Pair:
    """Both sides, running."""

    def __init__(
        self,
        servers: Servers,
        combination: Combination,
        place: Place | None = None,
        **variables: str,
    ) -> None:
        """Start the replica first: what is sent before its queue exists goes nowhere."""
        self.place = place or servers.place()
        self.master = servers.peer(combination.master, self.place, **variables)
        self.replica = servers.peer(combination.replica, self.place, **variables)
        self.directory = self.master.directory
        # Two of its workers overtake each other (a late SAVE then brings a deleted row back).
        self._workers = 1 if combination.replica.library is DJANGO_CQRS else 2
        self.consumer = self.replica.consumer(self._workers)
        self.relay = relay_of(self.master)
        self.consumer.start()
        if self.relay:
            self.relay.start()
        #: The master's process that writes.
        self.driver = self.master.driver()
        eventually(self.check_consuming, within_seconds=_START_SECONDS)

    def check_consuming(self) -> None:
        """Fail while not all workers consume."""
        self.consumer.check_alive()
        count = broker.consumer_count(self.place.broker_url, self.place.queue)
        assert count == self._workers, f"{count} of {self._workers} workers consume"

    def check_drained(self) -> None:
        """Fail while messages wait in the outbox or in the queue."""
        assert outbox_size(self.master) == 0
        assert broker.queue_depth(self.place.broker_url, self.place.queue) == 0

    def wait_until_equal(self, *, filled: Collection[str], within_seconds: float = 10) -> None:
        """Wait until nothing is under way and both sides hold the same rows.

        Args:
            filled: tables that must hold rows by then.
            within_seconds: how long that may take.
        """

        def check() -> None:
            self.check_drained()
            assert_equal_tables(self.master.database_url, self.replica.database_url, filled=filled)

        eventually(check, within_seconds=within_seconds)

    def close(self) -> None:
        """Stop everything and remove what is left on the broker."""
        self.driver.close()
        for process in (self.consumer, self.relay):
            if process:
                process.kill()
        broker.delete_queues(self.place.broker_url, self.place.queue, self.place.dead_letter_queue)


def relay_of(master: Peer) -> ServiceProcess | None:
    """Prepare the relay of a master that has an outbox."""
    has_outbox = "dj_cqrs.outbox" in master.flavour.apps
    return master.process("relay", "cqrs_relay") if has_outbox else None


def outbox_size(master: Peer) -> int:
    """Messages that a master has recorded and not published yet."""
    if "dj_cqrs.outbox" not in master.flavour.apps:
        return 0
    return int(
        databases.value(master.database_url, "SELECT count(*) FROM cqrs_outbox_outboxmessage")
    )
