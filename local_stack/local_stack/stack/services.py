"""The processes of the services, as the local stack runs them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from local_stack.errors import ServerFailedError
from local_stack.stack.broker import NOTIFIER_QUEUE, service_url, transport_path
from local_stack.stack.environment import TOKEN_HASHES, Environment
from local_stack.stack.supervisor import Program


@dataclass(frozen=True, slots=True)
class Service:
    """One of the services.

    Attributes:
        name: "master", "replica" or "notifier"; variables and broker users are named after it.
        directory: Where its manage.py lies.
        worker: The process beside the web server: its name, and the words after manage.py.
        deploy: Words after manage.py for what needs the broker, before anything else does.
        is_bare: It has neither a database nor a web server.
    """

    name: str
    directory: str
    worker: tuple[str, tuple[str, ...]]
    deploy: tuple[str, ...] = ()
    is_bare: bool = False

    def environment(self, stack: Environment, broker_port: int) -> dict[str, str]:
        """Environment variables of all processes of the service."""
        url = service_url(stack, self.name, broker_port)
        variables = {
            "CQRS_URL": url,
            "CQRS_TRANSPORT": transport_path(url),
            "CQRS_SIGNING_KEYS": stack["CQRS_SIGNING_KEYS"],
            "CQRS_SIGNING_REQUIRED": stack.get("CQRS_SIGNING_REQUIRED") or "true",
            "PYTHONUNBUFFERED": "1",
        }
        if self.is_bare:
            webhook = stack.get("NOTIFIER_WEBHOOK_URL")
            return {
                **variables,
                "CQRS_QUEUE": NOTIFIER_QUEUE,
                "WEBHOOK_URL": webhook,
                "HEARTBEAT_DIRECTORY": str(stack.directory / "heartbeats"),
            }
        upper = self.name.upper()
        database = stack.get(f"{upper}_DATABASE_URL")
        variables |= {
            "SECRET_KEY": stack[f"{upper}_SECRET_KEY"],
            "DATABASE_URL": database or f"sqlite:///{stack.directory}/{self.name}.sqlite3",
            f"{upper}_PORT": stack[f"{upper}_PORT"],
        }
        if self.name == "master":
            return {**variables, TOKEN_HASHES: stack[TOKEN_HASHES]}
        return {**variables, "CQRS_QUEUE": stack["CQRS_QUEUE"]}

    def programs(self, stack: Environment, broker_port: int) -> list[Program]:
        """Build the supervised processes: the web server, if there is one, and the worker."""
        environment = self.environment(stack, broker_port)
        directory = stack.root / self.directory
        worker_name, words = self.worker
        gunicorn = (sys.executable, "-m", "gunicorn", f"{self.directory}.wsgi")
        commands: list[tuple[str, Sequence[str]]] = [
            *([] if self.is_bare else [(f"{self.name}-web", gunicorn)]),
            (worker_name, (sys.executable, "manage.py", *words)),
        ]
        return [
            Program(
                name=name,
                command=command,
                directory=directory,
                environment=environment,
                autostart=False,  # not before the migrations
            )
            for name, command in commands
        ]

    def manage(self, stack: Environment, broker_port: int, words: Sequence[str]) -> None:
        """Run one command of manage.py to its end.

        Raises:
            ServerFailedError: With what the command printed.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=stack.root / self.directory,
            env={**os.environ, **self.environment(stack, broker_port)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailedError(
                f"manage.py {' '.join(words)} in {self.directory} failed:\n"
                f"{done.stdout}{done.stderr}"
            )


SERVICES = (
    Service("master", "master_service", ("relay", ("cqrs_relay",))),
    Service(
        "replica", "replica_service", ("consumer", ("cqrs_consume", "-w", "2")), ("cqrs_declare",)
    ),
    Service(
        *("notifier", "notifier_service", ("notifier", ("cqrs_consume",)), ("cqrs_declare",)),
        is_bare=True,
    ),
)
