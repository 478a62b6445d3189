"""Services of the peer project: one database, one place on the broker, a library to run on."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from integration_tests.process import ServiceProcess
from interoperability.driver import Driver
from interoperability.libraries import ROOT, Library

PEER = ROOT / "interoperability" / "peer"
_COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Flavour:
    """A library, and which apps a service has on it."""

    library: Library
    apps: str

    def __str__(self) -> str:
        return f"{self.apps} on {self.library}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the broker a service finds its partner.

    django-cqrs knows no virtual host but `/`, so that exchange and queue keep tests apart.
    """

    broker_url: str
    exchange: str
    queue: str

    @property
    def dead_letter_queue(self) -> str:
        """Where dead letters go, by the contract's default."""
        return f"dead_letter_{self.queue}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A service; its library may be swapped while database and place stay."""

    flavour: Flavour
    place: Place
    database_url: str
    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Everything that the service knows."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PEER_APPS": self.flavour.apps,
            "PEER_DATABASE": json.dumps(django_database(self.database_url)),
            "PEER_BROKER": self.place.broker_url,
            "PEER_EXCHANGE": self.place.exchange,
            "PEER_QUEUE": self.place.queue,
            **self.variables,
        }

    def seen(self, through: Callable[[str], str]) -> "Peer":
        """The same service, which finds its servers by other URLs."""
        place = replace(self.place, broker_url=through(self.place.broker_url))
        return replace(self, place=place, database_url=through(self.database_url))

    def command(self, *arguments: str) -> list[str]:
        """The words of a management command."""
        return [str(self.flavour.library.python), "manage.py", *arguments]

    def process(self, role: str, *arguments: str) -> ServiceProcess:
        """Prepare a process that runs a management command."""
        return ServiceProcess(
            f"{role} ({self.flavour})",
            self.command(*arguments),
            directory=PEER,
            environment=self.environment,
            log=self.directory / f"{role}-{self.flavour.library}.log",
        )

    def script(self, role: str, *words: str) -> ServiceProcess:
        """Prepare a process that runs a file of Python within this service."""
        return ServiceProcess(
            f"{role} ({self.flavour})",
            [str(self.flavour.library.python), *words],
            directory=PEER,
            environment={
                **self.environment,
                "PYTHONPATH": str(PEER),
                "DJANGO_SETTINGS_MODULE": "peer.settings",
            },
            log=self.directory / f"{role}-{self.flavour.library}.log",
        )

    def consumer(self, workers: int = 2) -> ServiceProcess:
        """Prepare `cqrs_consume`."""
        return self.process("consumer", "cqrs_consume", "-w", str(workers))

    def driver(self) -> Driver:
        """Start a process that performs scripts."""
        log = self.directory / f"driver-{self.flavour.library}.log"
        return Driver(
            self.command("perform"), directory=PEER, environment=self.environment, log=log
        )

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a management command to its end and return what it printed."""
        done = self.try_to_manage(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def try_to_manage(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a management command to its end, whatever that is."""
        return subprocess.run(
            self.command(*arguments),
            cwd=PEER,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )


def django_database(url: str) -> dict[str, Any]:
    """A database's URL as Django's settings have it; an empty one is SQLite in memory."""
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.removeprefix("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": parts.port,
        "CONN_MAX_AGE": 600,
    }
