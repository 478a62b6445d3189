"""One deployment: a broker's virtual host, two databases, two services and their processes."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pika.exceptions import AMQPError

from integration_tests import broker, databases
from integration_tests.process import ServiceProcess
from integration_tests.services import CONSUMER_WORKERS, Master, Notifier, Replica
from local_stack.servers import PostgresServer, RabbitMQServer
from local_stack.waiting import eventually

_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Servers:
    """Real servers; each service has a PostgreSQL server of its own, as in production."""

    rabbitmq: RabbitMQServer
    master_postgres: PostgresServer
    replica_postgres: PostgresServer


@dataclass(frozen=True, slots=True)
class Templates:
    """Names of migrated, empty databases that every stack copies."""

    master: str
    replica: str


class Stack:
    """Both services with everything they need; nothing runs until `start`."""

    def __init__(
        self,
        servers: Servers,
        templates: Templates,
        *,
        through: Callable[[str], str] = str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare the services; nothing runs yet.

        Args:
            servers: where their databases and their virtual host are made.
            templates: databases to copy.
            through: makes of a server's URL the one that the services use.
            environment: variables that all services get besides.
        """
        self.token = uuid4().hex[:8]
        self.servers = servers
        self._through = through
        self._environment = dict(environment or {})
        self._templates = templates
        self.directory = Path(tempfile.mkdtemp(prefix="integration-"))
        self.broker_url = broker.create_vhost(servers.rabbitmq, f"stack-{self.token}")
        master_database = databases.copy_database(
            servers.master_postgres, templates.master, f"master_{self.token}"
        )
        self.master = Master(
            database_url=master_database,
            broker_url=self.broker_url,
            directory=self.directory,
            environment=self._as_seen(master_database),
        )
        self._replicas: list[Replica] = []
        self._notifiers: list[Notifier] = []
        self.replica = self.new_replica("storefront")
        self._log_positions: dict[Path, int] = {}

    def new_replica(self, queue: str) -> Replica:
        """Prepare one more replica, with an empty database."""
        database = f"replica_{self.token}_{queue}"
        directory = self.directory / queue
        directory.mkdir()
        replica_database = databases.copy_database(
            self.servers.replica_postgres, self._templates.replica, database
        )
        replica = Replica(
            database_url=replica_database,
            broker_url=self.broker_url,
            directory=directory,
            queue=queue,
            environment=self._as_seen(replica_database),
        )
        self._replicas.append(replica)
        return replica

    def _as_seen(self, database_url: str) -> dict[str, str]:
        """How a service finds its servers, and what else it is told."""
        return {
            "DATABASE_URL": self._through(database_url),
            "CQRS_URL": self._through(self.broker_url),
            **self._environment,
        }

    def new_notifier(self, *, webhook_url: str = "") -> Notifier:
        """Prepare a notifier; it is not part of `processes`."""
        directory = self.directory / f"notifier-{uuid4().hex[:8]}"
        directory.mkdir()
        notifier = Notifier(
            broker_url=self.broker_url, directory=directory, webhook_url=webhook_url
        )
        self._notifiers.append(notifier)
        return notifier

    @property
    def processes(self) -> list[ServiceProcess]:
        """The four processes, in the order of a change's way."""
        return [*self.master.processes, *self.replica.processes]

    @property
    def _all_processes(self) -> list[ServiceProcess]:
        replicas = [process for replica in self._replicas for process in replica.processes]
        notifiers = [notifier.consumer for notifier in self._notifiers]
        return [*self.master.processes, *replicas, *notifiers]

    def start(self) -> None:
        """Start whatever does not run, and wait until requests can be taken."""
        for process in self.processes:
            process.start()
        self.master.wait_until_ready()
        self.replica.wait_until_ready()
        self.wait_for_consumers()

    def wait_for_consumers(self) -> None:
        """Wait until the replica's workers listen."""
        eventually(
            self._check_consumers,
            within_seconds=_START_SECONDS,
            retry_on=(AssertionError, AMQPError),
        )

    def _check_consumers(self) -> None:
        self.replica.consumer.check_alive()
        count = broker.consumer_count(self.broker_url, self.replica.queue)
        assert count >= CONSUMER_WORKERS, f"{count} consumers"

    def mark_logs(self) -> None:
        """Remember where the logs are now."""
        self._log_positions = {process.log: process.log_size() for process in self._all_processes}

    def logs(self) -> Iterator[tuple[str, str]]:
        """What each process logged since `mark_logs`, with its name."""
        for process in self._all_processes:
            yield process.name, process.log_since(self._log_positions.get(process.log, 0))

    def close(self) -> None:
        """Kill what still runs and remove what it wrote."""
        for process in self._all_processes:
            process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def migrated_templates(servers: Servers) -> Templates:
    """Migrate a database for each service, to be copied."""
    token = uuid4().hex[:8]
    templates = Templates(f"master_template_{token}", f"replica_template_{token}")
    directory = Path(tempfile.mkdtemp(prefix="integration-migrate-"))
    master = Master(
        database_url=servers.master_postgres.create_database(templates.master),
        broker_url=servers.rabbitmq.url,
        directory=directory,
    )
    replica = Replica(
        database_url=servers.replica_postgres.create_database(templates.replica),
        broker_url=servers.rabbitmq.url,
        directory=directory,
    )
    master.manage("migrate", "--verbosity", "0")
    replica.manage("migrate", "--verbosity", "0")
    shutil.rmtree(directory)
    return templates
