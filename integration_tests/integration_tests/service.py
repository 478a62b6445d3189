"""What services have in common: a directory, an environment, processes; most have a database."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from integration_tests.fail_points import FailPoints
from integration_tests.process import ServiceProcess
from local_stack.ports import LOOPBACK, free_ports
from local_stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

#: When a process counts as stuck, and when a message has waited for too long.
STUCK_SECONDS = 6
BACKLOG_SECONDS = 10

#: What a web server does not need to take requests.
_NOT_OF_THE_WEB = {"exclude": ["outbox", "relay", "workers", "parked"]}
_START_SECONDS = 120
_COMMAND_SECONDS = 180

_MANY_COMMANDS = """
import json, sys, django
from django.core.management import call_command
django.setup()
for words in json.loads(sys.argv[1]):
    call_command(*words)
"""


class Service:
    """A service as the operating system sees it."""

    #: Name of the distribution and of its package.
    name: str

    def __init__(
        self, *, broker_url: str, directory: Path, environment: Mapping[str, str]
    ) -> None:
        """Prepare the service; nothing runs yet.

        Args:
            broker_url: AMQP URL.
            directory: where logs go.
            environment: variables of this service alone.
        """
        self._directory = directory
        #: Where its processes may be ended; they all share them.
        self.fail_points = FailPoints(directory / f"{self.name}-fail-points")
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": f"{self.name}.settings",
            "CQRS_URL": broker_url,
            **self.fail_points.environment,
            "HEALTH_STUCK_SECONDS": str(STUCK_SECONDS),
            "HEALTH_BACKLOG_SECONDS": str(BACKLOG_SECONDS),
            **environment,
        }

    def process(self, role: str, *command: str) -> ServiceProcess:
        """Prepare a process of this service."""
        return ServiceProcess(
            f"{self.name} {role}",
            command,
            directory=ROOT / self.name,
            environment=self._environment,
            log=self._directory / f"{self.name}-{role}.log",
        )

    def manage_process(self, role: str, *arguments: str) -> ServiceProcess:
        """Prepare a process that runs a management command."""
        return self.process(role, sys.executable, "manage.py", *arguments)

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a management command to its end and return what it printed."""
        return self._run("manage.py", *arguments, stdin=stdin)

    def status(self, *arguments: str) -> tuple[int, str]:
        """Run `cqrs_status`; returns its exit code and what it printed."""
        done = self._done("manage.py", "cqrs_status", *arguments)
        return done.returncode, done.stdout

    def manage_many(self, *commands: Sequence[str]) -> str:
        """Run several commands in one process, since each start takes a second."""
        return self._run("-c", _MANY_COMMANDS, json.dumps(commands))

    def _run(self, *arguments: str, stdin: str = "") -> str:
        done = self._done(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _done(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT / self.name,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )


class WebService(Service):
    """A service with a database and a web server."""

    port_variable: str

    def __init__(
        self,
        *,
        database_url: str,
        broker_url: str,
        directory: Path,
        environment: Mapping[str, str],
    ) -> None:
        """Prepare the service; nothing runs yet.

        Args:
            database_url: its own, migrated database.
            broker_url: AMQP URL.
            directory: where logs go.
            environment: variables of this service alone.
        """
        (self.port,) = free_ports(1)
        self.database_url = database_url
        variables = {
            "SECRET_KEY": "integration-tests-only",
            "DATABASE_URL": database_url,
            self.port_variable: str(self.port),
            "THROTTLE_ADDRESS": "",  # all tests ask from one
            **environment,
        }
        super().__init__(broker_url=broker_url, directory=directory, environment=variables)
        self.web = self.process(
            "web", sys.executable, "-m", "gunicorn", f"{self.name}.wsgi:application"
        )

    @property
    def url(self) -> str:
        """Where its web server listens."""
        return f"http://{LOOPBACK}:{self.port}"

    def failures(self) -> dict[str, str]:
        """The checks that its `/readyz` names as failed, with what it says of them."""
        answer = httpx.get(f"{self.url}/readyz", timeout=30)
        checks = answer.json()["checks"].items()
        failed = {name: check["detail"] for name, check in checks if not check["ok"]}
        is_ready = answer.status_code == httpx.codes.OK
        assert is_ready is not bool(failed), answer.text
        return failed

    def wait_until_ready(self) -> None:
        """Wait until the web server answers and may take requests."""

        def check() -> None:
            self.web.check_alive()
            answer = httpx.get(f"{self.url}/readyz", params=_NOT_OF_THE_WEB, timeout=10)
            assert answer.status_code == httpx.codes.OK, answer.text

        eventually(
            check,
            within_seconds=_START_SECONDS,
            retry_on=(AssertionError, httpx.TransportError),
        )
