"""Fixtures of the commands' tests."""

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from tests.replica.conftest import memory_broker
from tests.transport.conftest import amqp, cqrs, proxy, transport

__all__ = ["amqp", "cqrs", "memory_broker", "proxy", "run", "transport"]

Run = Callable[..., tuple[list[str], list[str]]]


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


def parsed(lines: list[str]) -> list[object]:
    """Lines of JSON."""
    return [json.loads(line) for line in lines]
