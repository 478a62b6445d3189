"""The stack in containers: docker-compose.yml says what runs, this calls Docker Compose."""

import os
import shutil
import subprocess

from local_stack.errors import PortTakenError, ServerFailedError
from local_stack.ports import is_free
from local_stack.stack.environment import Environment

_UP_SECONDS = 600
_PUBLISHED = {"MASTER_PORT": "8000", "REPLICA_PORT": "8001", "RABBITMQ_MANAGEMENT_PORT": "15672"}


def why_not() -> str:
    """Say why Docker Compose cannot be used here; "" if it can."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        return "no Docker engine answers"
    version = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return "" if version.returncode == 0 else "docker has no compose plugin"


class ComposeStack:
    """Starts, stops and shows the stack of docker-compose.yml."""

    name = "docker"

    def __init__(self, environment: Environment) -> None:
        """Take the settings; nothing runs yet."""
        self._environment = environment

    def is_running(self) -> bool:
        """Tell whether a container of the project runs."""
        if why_not():
            return False
        return bool(self._compose("ps", "--quiet", capture=True).stdout.strip())

    def up(self) -> None:
        """Build the images, start everything and wait until it is healthy."""
        if not self.is_running():
            self._check_ports()
        done = self._compose("up", "--build", "--detach", "--wait", *self._timeout())
        if done.returncode != 0:
            self._compose("ps", "--all")
            raise ServerFailedError("docker compose up failed; make logs shows why")

    def _timeout(self) -> tuple[str, ...]:
        return ("--wait-timeout", str(_UP_SECONDS), "--remove-orphans")

    def _check_ports(self) -> None:
        for variable, default in _PUBLISHED.items():
            port = int(self._environment.get(variable) or default)
            if not is_free(port):
                raise PortTakenError(
                    f"port {port} is in use by another program: choose another one, "
                    f"for example make up {variable}={port + 1000}"
                )

    def down(self) -> None:
        """Stop and remove the containers; volumes stay."""
        self._compose("down", "--remove-orphans")

    def clean(self) -> None:
        """Remove the volumes of the stopped stack."""
        self._compose("down", "--volumes", "--remove-orphans")

    def status(self) -> None:
        """Print the containers."""
        self._compose("ps")

    def logs(self) -> None:
        """Follow the logs of all containers."""
        self._compose("logs", "--follow", "--tail", "40")

    def log_of(self, process: str) -> str:
        """What one service has logged."""
        return self._compose("logs", "--no-log-prefix", process, capture=True).stdout

    def _compose(self, *words: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", *words],
            cwd=self._environment.root,
            env={**os.environ, **self._environment.variables},
            capture_output=capture,
            text=True,
            check=False,
        )
