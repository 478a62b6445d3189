"""What faults are made on: a deployment with load on it, and everything of it within reach.

Services reach their servers through proxies only; the campaign looks past them.
"""

import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integration_tests import broker
from integration_tests.comparison import Difference, ReplicatedTable, compare
from integration_tests.fail_points import FailPoints
from integration_tests.process import ServiceProcess
from integration_tests.stack import Servers
from integration_tests.witness import WatchedTable, Witness
from local_stack.proxy import Proxies

WRITERS = Path(__file__).parent / "writers"


@dataclass(frozen=True, slots=True)
class Network:
    """The ways from services to servers, each through a proxy."""

    to_broker: Proxies
    to_master_database: Proxies
    to_replica_database: Proxies

    @classmethod
    @contextlib.contextmanager
    def before(cls, servers: Servers) -> Iterator["Network"]:
        """Proxies in front of all servers, for a block."""
        with (
            Proxies(servers.rabbitmq.url) as to_broker,
            Proxies(servers.master_postgres.url) as to_master_database,
            Proxies(servers.replica_postgres.url) as to_replica_database,
        ):
            yield cls(to_broker, to_master_database, to_replica_database)

    def through(self, url: str) -> str:
        """How services find a server that is named by its own URL."""
        ways = (self.to_broker, self.to_master_database, self.to_replica_database)
        (way,) = (way for way in ways if way.leads_to(url.split(",", maxsplit=1)[0]))
        return way.through(url)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are; URLs lead past the proxies."""

    broker_url: str
    exchange: str
    queue: str
    dead_letter_queue: str
    master_database: str
    replica_database: str

    @property
    def vhost(self) -> str:
        """The virtual host, as rabbitmqctl wants it."""
        return broker.vhost(self.broker_url)


@dataclass
class Ledger:
    """What a run is to be judged by, beside the rows."""

    #: Bodies that were sent to die.
    poison: list[bytes] = field(default_factory=list)
    #: Exit codes of processes that were asked to end.
    exit_codes: dict[str, int] = field(default_factory=dict)
    #: Something was lost that was confirmed before: a repair is allowed to mend it in the end.
    is_to_be_mended: bool = False
    #: Rows that differed before repairs, of which there was one at least; None if there was none.
    repaired: int | None = None


class Site(ABC):
    """A deployment of master and replica.

    Attributes:
        servers: broker and databases.
        network: the ways to them.
        places: names and URLs.
        tables: what is compared in the end.
        watched: the table that is sampled throughout.
        ledger: what faults note for the judge.
        witness: set while a campaign runs.
    """

    #: Which system this is, as the report says it.
    name: str
    servers: Servers
    network: Network
    places: Places
    tables: Sequence[ReplicatedTable]
    watched: WatchedTable
    #: Tables of the replica that others may lock.
    replica_tables: Sequence[str]
    master_tables: Sequence[str]
    #: Whether the library records changes in an outbox and keeps failures in an inbox.
    is_sound: bool

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.witness: Witness | None = None

    @property
    @abstractmethod
    def web(self) -> ServiceProcess | None:
        """The web server that takes writes; None where there is none."""

    @property
    @abstractmethod
    def writer(self) -> ServiceProcess:
        """The process that writes through the ORM."""

    @property
    @abstractmethod
    def relay(self) -> ServiceProcess | None:
        """The process that publishes; None where the writers publish themselves."""

    @property
    @abstractmethod
    def consumer(self) -> ServiceProcess:
        """The parent of the consuming processes."""

    @property
    def processes(self) -> list[ServiceProcess]:
        """All of them that exist, in the order of a change's way."""
        every = (self.web, self.writer, self.relay, self.consumer)
        return [process for process in every if process is not None]

    @abstractmethod
    def start(self) -> None:
        """Start what does not run, and wait until it works."""

    @abstractmethod
    def load(self, rng: random.Random) -> contextlib.AbstractContextManager["Load"]:
        """Writers of all kinds, for a block."""

    @abstractmethod
    def declare(self) -> None:
        """The deploy step that creates what is missing on the broker."""

    @abstractmethod
    def sync(self) -> None:
        """Send the rows of the watched table again, in many small chunks."""

    def fail_points(self, point: str) -> FailPoints | None:
        """Where a fail point is armed; None where the library has none."""
        return None

    @abstractmethod
    def mend(self) -> None:
        """What an operator runs for rows that differ, as the documentation says it."""

    @abstractmethod
    def close(self) -> None:
        """End all processes and remove what they wrote."""

    def supervise(self) -> None:
        """Start again what has ended meanwhile, as a supervisor does; the writer's time is up."""
        for process in self.processes:
            if process is not self.writer:
                process.start()

    def repair(self) -> None:
        """Does what an operator does, and notes how much was wrong before."""
        wrong = sum(difference.wrong for difference in self.compare())
        self.ledger.repaired = (self.ledger.repaired or 0) + wrong
        self.mend()

    def check_quiet(self) -> None:
        """Fail while a message is under way."""
        depth = broker.queue_depth(self.places.broker_url, self.places.queue)
        assert depth == 0, f"{depth} messages in {self.places.queue}"

    def compare(self) -> list[Difference]:
        """All rows of both sides."""
        return compare(self.tables, self.places.master_database, self.places.replica_database)

    def leftovers(self) -> list[str]:
        """What is left that should not be, beside the poison; empty if all is well."""
        return []

    def kept_poison(self) -> int:
        """How many of the poisonous messages are kept as dead letters."""
        bodies = set(self.dead_letters())
        return sum(body in bodies for body in self.ledger.poison)

    def dead_letters(self) -> list[bytes]:
        """Bodies of the messages that were given up."""
        return broker.bodies(self.places.broker_url, self.places.dead_letter_queue)


class Load(ABC):
    """Writers at work."""

    @property
    @abstractmethod
    def writes(self) -> int:
        """Writes that were answered with success so far, where somebody counts."""

    @property
    @abstractmethod
    def failures(self) -> int:
        """Writes that were not."""

    @abstractmethod
    def wait_for_writes(self, count: int) -> None:
        """Wait until so many more are made."""

    @abstractmethod
    def forget_rows(self) -> None:
        """The master was restored: rows that the writers know may be gone."""
