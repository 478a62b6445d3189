"""The command cqrs_declare: the deploy step of a replica."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer, Publisher
from local_stack.ports import free_ports
from local_stack.proxy import Proxy
from tests.transport.faults import background
from tests.transport.messages import CONFIRMED, UNROUTABLE, message, numbers, receive


def test_says_what_was_created_and_what_is_there(
    cqrs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("cqrs_declare")
    first = capsys.readouterr().out.splitlines()
    call_command("cqrs_declare")
    second = capsys.readouterr().out.splitlines()

    assert f"queue {cqrs['queue']}: created" in first
    assert f"queue {cqrs['queue']}: exists" in second


def test_broker_that_is_not_there_is_an_error(cqrs: dict[str, Any], settings: Settings) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://127.0.0.1:{port}/"}

    with pytest.raises(CommandError, match=f"127.0.0.1:{port}"):
        call_command("cqrs_declare")


def test_waits_for_a_broker_that_is_still_starting(
    cqrs: dict[str, Any], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://test:test@127.0.0.1:{port}/"}

    with (
        socket.create_server(("127.0.0.1", port)) as starting,
        contextlib.ExitStack() as broker,
        background(lambda: call_command("cqrs_declare", "--wait", "60")),
    ):
        starting.accept()[0].close()
        starting.close()
        broker.enter_context(Proxy(cqrs["url"], port))

    assert f"queue {cqrs['queue']}: created" in capsys.readouterr().out


def test_waiting_has_an_end(cqrs: dict[str, Any], settings: Settings) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {**cqrs, "url": f"amqp://127.0.0.1:{port}/"}
    started = time.monotonic()

    with pytest.raises(CommandError):
        call_command("cqrs_declare", "--wait", "1.5")

    assert 1.5 <= time.monotonic() - started < 10


def test_wrong_configuration_is_not_waited_for(cqrs: dict[str, Any], settings: Settings) -> None:
    settings.CQRS = {**cqrs, "url": "http://mq/"}
    started = time.monotonic()

    with pytest.raises(CommandError, match="Scheme must be"):
        call_command("cqrs_declare", "--wait", "60")

    assert time.monotonic() - started < 5


@pytest.mark.parametrize("seconds", ["soon", "-1"])
def test_wait_must_be_a_time(seconds: str) -> None:
    with pytest.raises(CommandError, match="--wait"):
        call_command("cqrs_declare", "--wait", seconds)


def test_model_that_was_removed_is_unbound(
    cqrs: dict[str, Any],
    publisher: Publisher,
    new_consumer: Callable[[], Consumer],
    capsys: pytest.CaptureFixture[str],
) -> None:
    RabbitMQTransport.consumer(["track", "removed"]).close()
    to_all, to_us = message(1, key="removed"), message(2, key=f"cqrs.{cqrs['queue']}.removed")
    assert publisher.publish([to_all, to_us], timeout_seconds=10) == [CONFIRMED] * 2

    call_command("cqrs_declare", "--unbind", "removed", "never-bound")

    assert "binding removed: removed" in capsys.readouterr().out
    assert publisher.publish([to_all, to_us], timeout_seconds=10) == [UNROUTABLE] * 2
    assert publisher.publish([message(3)], timeout_seconds=10) == [CONFIRMED]
    assert numbers(receive(new_consumer(), 3)) == [1, 2, 3]


def test_model_of_this_service_is_not_unbound(cqrs: dict[str, Any]) -> None:
    cqrs_id = next(iter(ReplicaRegistry.models))

    with pytest.raises(CommandError, match=f"{cqrs_id} is a replica model of this service"):
        call_command("cqrs_declare", "--unbind", cqrs_id)
