"""Direct mode in servers that fork and have threads: each has a connection of its own."""

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Consumer
from local_stack.ports import free_ports
from local_stack.proxy import Proxy
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.transport.messages import receive


@pytest.fixture(autouse=True)
def clean(cqrs: dict[str, Any]) -> Iterator[None]:
    """Each test has its own names, so the thread's connection must not outlive it."""
    RabbitMQTransport.clean_connection()
    yield
    RabbitMQTransport.clean_connection()


def produce(sender: str) -> None:
    RabbitMQTransport.produce(
        TransportPayload(
            SignalType.SAVE,
            "track",
            {"sender": sender},
            1,
            correlation_id=sender,
            expires=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
        )
    )


def senders(consumer: Consumer, count: int) -> list[str]:
    bodies = [json.loads(delivery.body) for delivery in receive(consumer, count)]
    return sorted(body["correlation_id"] for body in bodies)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_forked_process_has_its_own_connection_and_leaves_the_parents_alone(
    proxy: Proxy, consumer: Consumer
) -> None:
    produce("parent")
    before = proxy.accepted

    child = os.fork()
    if child == 0:
        try:
            produce("child")
            RabbitMQTransport.clean_connection()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    produce("parent")

    assert proxy.accepted == before + 1, "the child's, and no second one of the parent"
    assert senders(consumer, 3) == ["child", "parent", "parent"]


def test_connection_of_a_thread_ends_with_it(
    cqrs: dict[str, Any], rabbitmq: RabbitMQServer, consumer: Consumer
) -> None:
    thread = threading.Thread(target=produce, args=["thread"])
    thread.start()
    thread.join()

    def none_is_left() -> None:
        assert "producer (pid" not in rabbitmq.ctl("list_connections", "client_properties")

    assert senders(consumer, 1) == ["thread"]
    eventually(none_is_left, within_seconds=20)


@contextlib.contextmanager
def gunicorn(cqrs: dict[str, Any], log: Path) -> Iterator[str]:
    """The service of ``preloaded.py`` with two workers; its URL."""
    (port,) = free_ports(1)
    bind = f"127.0.0.1:{port}"
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "gunicorn", "--preload"]
    command += ["--workers", "2", "--threads", "2", "--bind", bind]
    command += ["tests.transport.preloaded:application"]
    environment = {**os.environ, "CQRS": json.dumps(cqrs)}
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, env=environment, cwd=Path(__file__).parents[2], stderr=output, stdout=output
        ) as server,
    ):
        try:
            yield f"http://{bind}/"
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) == 0


def test_workers_of_a_preloaded_gunicorn_publish_over_connections_of_their_own(
    proxy: Proxy, settings: Settings, consumer: Consumer, tmp_path: Path
) -> None:
    log = tmp_path / "gunicorn.log"
    requests = 0
    pids = set()

    with gunicorn(settings.CQRS, log) as url:

        def both_have_answered() -> None:
            nonlocal requests
            with urllib.request.urlopen(url, timeout=10) as response:
                pids.add(response.read())
            requests += 1
            assert len(pids) == 2

        eventually(both_have_answered, within_seconds=30)

    arrived = senders(consumer, requests + 2)
    assert arrived == ["master", "thread of the master", *["worker"] * requests]
    assert "Error" not in log.read_text()
