"""The services, each with the processes that a deployment of it has."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integration_tests.service import Service, WebService

API_TOKEN = "token-of-the-integration-tests"
_TOKEN_HASH = hashlib.sha256(API_TOKEN.encode()).hexdigest()
CONSUMER_WORKERS = 2


class Master(WebService):
    """The service that takes the writes: web server and relay."""

    name = "master_service"
    port_variable = "MASTER_PORT"

    def __init__(
        self,
        *,
        database_url: str,
        broker_url: str,
        directory: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            database_url=database_url,
            broker_url=broker_url,
            directory=directory,
            environment={"API_TOKEN_HASHES": _TOKEN_HASH, **(environment or {})},
        )
        self.relay = self.manage_process("relay", "cqrs_relay")
        self.processes = (self.web, self.relay)


class Replica(WebService):
    """A service that serves the reads: web server and consumer."""

    name = "replica_service"
    port_variable = "REPLICA_PORT"

    def __init__(
        self,
        *,
        database_url: str,
        broker_url: str,
        directory: Path,
        queue: str = "storefront",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.queue = queue
        super().__init__(
            database_url=database_url,
            broker_url=broker_url,
            directory=directory,
            environment={"CQRS_QUEUE": queue, "WEB_CONCURRENCY": "1", **(environment or {})},
        )
        self.consumer = self.manage_process(
            "consumer", "cqrs_consume", "-w", str(CONSUMER_WORKERS)
        )
        self.processes = (self.web, self.consumer)

    @property
    def dead_letter_queue(self) -> str:
        """Where the broker puts what this replica rejects."""
        return f"dead_letter_{self.queue}"


class Notifier(Service):
    """A service without a database and without a web server: a consumer."""

    name = "notifier_service"
    queue = "notifier"

    def __init__(
        self,
        *,
        broker_url: str,
        directory: Path,
        webhook_url: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = {
            "CQRS_QUEUE": self.queue,
            "WEBHOOK_URL": webhook_url,
            "HEARTBEAT_DIRECTORY": str(directory / "heartbeats"),
            **(environment or {}),
        }
        super().__init__(broker_url=broker_url, directory=directory, environment=variables)
        self.consumer = self.manage_process("consumer", "cqrs_consume")

    def notifications(self) -> list[dict[str, Any]]:
        """What it has announced so far: the lines of its log that are JSON."""
        lines = self.consumer.log_since(0).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
