"""Fixtures of the commands' tests."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import modify_settings

from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import OutgoingMessage
from tests.app.replica_models import Notifier
from tests.replica.conftest import memory_broker
from tests.transport.conftest import amqp, cqrs, proxy, transport

__all__ = ["amqp", "cqrs", "memory_broker", "proxy", "run", "transport"]

Run = Callable[..., tuple[list[str], list[str]]]
Pipe = Callable[..., list[str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with these lines on its standard input; returns what it printed, by line."""

    def run(
        name: str, *arguments: str, stdin: list[str] | None = None
    ) -> tuple[list[str], list[str]]:
        monkeypatch.setattr("sys.stdin", StringIO("".join(f"{line}\n" for line in stdin or [])))
        out, err = StringIO(), StringIO()
        call_command(name, *arguments, stdout=out, stderr=err)
        return out.getvalue().splitlines(), err.getvalue().splitlines()

    return run


@pytest.fixture
def diff_pipe(run: Run) -> Pipe:
    """Runs the pipe that mends rows; returns what the replica's command printed."""

    def pipe(cqrs_id: str, *options: str) -> list[str]:
        listed, _ = run("cqrs_diff_master", "--cqrs-id", cqrs_id)
        differing, errors = run("cqrs_diff_replica", *options, stdin=listed)
        run("cqrs_diff_sync", stdin=differing)
        return differing + errors

    return pipe


@pytest.fixture
def deleted_pipe(run: Run) -> Pipe:
    """Runs the pipe that removes rows; returns what its last command printed."""

    def pipe(cqrs_id: str, *options: str) -> list[str]:
        listed, _ = run("cqrs_deleted_diff_replica", "--cqrs-id", cqrs_id, *options)
        gone, _ = run("cqrs_deleted_diff_master", stdin=listed)
        done, errors = run("cqrs_deleted_sync_replica", stdin=gone)
        return done + errors

    return pipe


@pytest.fixture
def without_inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A service whose only replica needs no database."""
    monkeypatch.setattr(ReplicaRegistry, "models", {"notifier": Notifier})
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.inbox"]}):
        yield


@pytest.fixture
def kept_by_broker(
    transport: type[RabbitMQTransport], cqrs: dict[str, Any]
) -> Callable[..., None]:
    """Puts messages into the dead letter queue of a real broker."""

    def keep(*raws: RawMessage) -> None:
        transport.declare()
        publisher = transport.publisher()
        messages = [
            OutgoingMessage(
                str(number),
                f"cqrs.dead_letter_{cqrs['queue']}.{next(iter(ReplicaRegistry.models))}",
                raw.body,
                {**raw.headers, "cqrs-reason": "no"},
            )
            for number, raw in enumerate(raws)
        ]
        publisher.publish(messages, timeout_seconds=10)
        publisher.close()

    return keep


def parsed(lines: list[str]) -> list[object]:
    """Lines of JSON."""
    return [json.loads(line) for line in lines]
