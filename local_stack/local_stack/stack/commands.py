"""What `make up`, `down`, `logs`, `status` and `clean` do."""

import os
from pathlib import Path
from typing import Protocol

import httpx

from local_stack import packages
from local_stack.errors import ServerFailedError, StackError
from local_stack.stack import environment
from local_stack.stack.compose import ComposeStack, why_not
from local_stack.stack.environment import Environment
from local_stack.stack.farewell import farewell
from local_stack.stack.local import LocalStack
from local_stack.waiting import eventually

_READY_SECONDS = 120


class Stack(Protocol):
    """One way to run the stack."""

    name: str

    def is_running(self) -> bool:
        """Tell whether it runs."""

    def up(self) -> None:
        """Start it, or bring it up to date."""

    def down(self) -> None:
        """Stop it, keep its data."""

    def clean(self) -> None:
        """Remove its data."""

    def status(self) -> None:
        """Print its processes."""

    def logs(self) -> None:
        """Show its logs."""

    def log_of(self, process: str) -> str:
        """What one of its processes has logged."""


def up(root: Path) -> None:
    """Start the stack, wait until both services are ready, and say where they are."""
    settings = environment.load(root)
    stack, reason = choose(settings)
    print(f"starting the {stack.name} stack: {reason}")
    for other in _others(settings, stack):
        if other.is_running():
            print(f"stopping the {other.name} stack, which holds the same ports")
            other.down()
    stack.up()
    wait_until_ready(settings)
    packages.offer("curl", package="curl")  # the last words use it
    print(farewell(settings))


def choose(settings: Environment) -> tuple[Stack, str]:
    """Decide between containers and plain processes; returns the reason as well."""
    asked = os.environ.get("STACK", "")
    if asked == "local":
        return LocalStack(settings), "STACK=local"
    obstacle = why_not()
    if asked == "docker":
        if obstacle:
            raise StackError(f"STACK=docker, but {obstacle}")
        return ComposeStack(settings), "STACK=docker"
    if asked:
        raise StackError(f"STACK={asked}: write docker or local")
    if obstacle:
        return LocalStack(settings), f"{obstacle}, and plain processes do as well"
    return ComposeStack(settings), "a Docker engine answers (STACK=local does without)"


def wait_until_ready(settings: Environment) -> None:
    """Wait until both services say that they are ready.

    Raises:
        ServerFailedError: One of them does not get ready; says what it answers.
    """
    for variable in ("MASTER_PORT", "REPLICA_PORT"):
        url = f"http://127.0.0.1:{settings.port(variable)}/readyz"
        eventually(lambda url=url: _check_ready(url), within_seconds=_READY_SECONDS)  # type: ignore[misc]


def _check_ready(url: str) -> None:
    try:
        response = httpx.get(url, timeout=5)
    except httpx.HTTPError as error:
        raise ServerFailedError(f"{url} does not answer ({error}); see make logs") from None
    if response.status_code != httpx.codes.OK:
        raise ServerFailedError(
            f"{url} answers {response.status_code} {response.text}; see make logs"
        )


def _others(settings: Environment, chosen: Stack) -> list[Stack]:
    stacks: list[Stack] = [LocalStack(settings), ComposeStack(settings)]
    return [stack for stack in stacks if stack.name != chosen.name]


def _running(settings: Environment) -> list[Stack]:
    stacks: list[Stack] = [LocalStack(settings), ComposeStack(settings)]
    return [stack for stack in stacks if stack.is_running()]


def down(root: Path) -> None:
    """Stop what runs; its data stays."""
    running = _running(environment.load(root))
    for stack in running:
        stack.down()
        print(f"the {stack.name} stack is stopped; its data is kept (make clean removes it)")
    if not running:
        print("nothing is running")


def clean(root: Path) -> None:
    """Stop what runs and remove all data."""
    settings = environment.load(root)
    LocalStack(settings).down()
    LocalStack(settings).clean()
    if not why_not():
        ComposeStack(settings).clean()
    print("the data of the stack is removed; .env is kept")


def status(root: Path) -> None:
    """Print the processes of what runs."""
    running = _running(environment.load(root))
    for stack in running:
        stack.status()
    if not running:
        print("nothing is running")


def logs(root: Path) -> None:
    """Follow the logs of what runs, or show those of the local stack's last run."""
    settings = environment.load(root)
    stack = next(iter(_running(settings)), LocalStack(settings))
    stack.logs()


def log_of(root: Path, process: str) -> str | None:
    """What a process of the running stack has logged; None where nothing runs."""
    running = _running(environment.load(root))
    return running[0].log_of(process) if running else None
