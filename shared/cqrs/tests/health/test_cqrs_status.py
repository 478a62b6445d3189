"""``cqrs_status``: for people, scripts and probes; it alone asks the broker."""

import io
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dj_cqrs.health import Check, Report
from dj_cqrs.heartbeats.in_directory import DirectoryStore
from dj_cqrs.heartbeats.signs import Sign
from dj_cqrs.inbox.models import WorkerHeartbeat
from dj_cqrs.management.status_table import show
from dj_cqrs.outbox.models import RelayHeartbeat
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.transport import KombuTransport, RabbitMQTransport
from dj_cqrs.transport.base import OutgoingMessage
from dj_cqrs.transport.memory import MemoryBroker, MemoryTransport
from tests.commands.running import run, run_failing
from tests.health.signs import all_is_well, leave
from tests.pitfalls.consuming import on_rabbitmq, publish_on_rabbitmq
from tests.replica.support import save

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("memory_broker"),
]
Publish = Callable[[RawMessage], None]


def _limits(settings: Any, **limits: Any) -> None:
    settings.CQRS = {**settings.CQRS, "health": limits}


def test_it_tells_of_all_that_is_installed() -> None:
    all_is_well()

    lines = run("cqrs_status").splitlines()

    assert [line.split(":")[0].partition("[")[0] for line in lines if "second" not in line] == [
        "ok database",
        "ok outbox",
        "ok relay",
        "ok workers",
        "ok parked",
        "ok broker",
    ]


def test_it_ends_with_an_error_that_names_what_failed() -> None:
    leave(RelayHeartbeat, "relay 7 on b", silent=70)
    leave(WorkerHeartbeat, "worker 1 on b")

    output, error = run_failing("cqrs_status")

    assert "FAILED relay: 0 of 1 alive" in output
    assert "relay 7 on b: no sign of life" in output
    assert error == "This service does not do all of its work: relay."


def test_scripts_get_json() -> None:
    all_is_well()
    assert json.loads(run("cqrs_status", "--json"))["status"] == "ok"
    RelayHeartbeat.objects.all().delete()

    output, _ = run_failing("cqrs_status", "--json")

    found = json.loads(output)
    assert found["status"] == "unavailable"
    assert found["checks"]["relay"]["ok"] is False


def test_a_terminal_gets_a_table() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    show(Report((Check("outbox", False, "too old [really]"),)), terminal)

    assert "FAILED" in terminal.getvalue()
    assert "too old [really]" in terminal.getvalue()
    assert "┃" in terminal.getvalue()


def test_a_broker_that_is_away_fails_unless_it_is_not_asked(memory_broker: MemoryBroker) -> None:
    all_is_well()
    memory_broker.set_reachable(False)

    assert run_failing("cqrs_status")[1].endswith("broker.")
    run("cqrs_status", "--no-broker")
    run("cqrs_status", "--exclude", "broker")


def test_messages_that_wait_while_none_is_done_fail(publish: Publish, settings: Any) -> None:
    _limits(settings, stuck_seconds=2)
    leave(RelayHeartbeat, "relay 1 on b")
    leave(WorkerHeartbeat, "worker 1 on b", progress_seconds=500)
    run("cqrs_status")  # nothing waits
    publish(save(0, name="x"))

    output, _ = run_failing("cqrs_status")

    assert "FAILED broker: 1 message(s) wait in replica, and none was done for 8 min." in output


def test_the_first_message_after_a_quiet_night_is_no_failure(
    publish: Publish, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker is about to take it: there is a second look."""
    _limits(settings, stuck_seconds=2)
    leave(RelayHeartbeat, "relay 1 on b")
    leave(WorkerHeartbeat, "worker 1 on b", progress_seconds=50_000)
    publish(save(0, name="x"))

    def take(_: float) -> None:
        WorkerHeartbeat.objects.update(progress_seconds=0)

    monkeypatch.setattr("dj_cqrs.health.broker.time.sleep", take)

    run("cqrs_status")


def test_a_container_asks_for_its_own_processes(memory_broker: MemoryBroker) -> None:
    all_is_well()
    memory_broker.set_reachable(False)
    leave(WorkerHeartbeat, "worker 7 on b", silent=70)
    host = socket.gethostname()[:200]
    assert "relay" in run_failing("cqrs_status", "--own", "--exclude", "workers")[1]
    leave(RelayHeartbeat, "relay 1 here", host=host)
    leave(WorkerHeartbeat, "worker 1 here", host=host)

    assert run("cqrs_status", "--own").count("1 alive.") == 2
    assert "workers" in run_failing("cqrs_status", "--no-broker")[1]


def test_without_an_inbox_workers_are_looked_for_in_the_directory(
    without_inbox: None, settings: Any, tmp_path: Path
) -> None:
    leave(RelayHeartbeat, "relay 1 on b")
    assert "workers" not in run("cqrs_status")  # they leave no signs, so nobody knows
    _limits(settings, directory=str(tmp_path))
    assert run_failing("cqrs_status")[1].endswith("workers.")
    DirectoryStore(str(tmp_path)).write(Sign("worker 1 on b", "b", 1), is_first=True)

    assert "ok workers: 1 alive." in run("cqrs_status")


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_rabbitmq_tells_what_waits_and_who_consumes(
    queue_type: str, settings: Any, rabbitmq_url: str
) -> None:
    all_is_well()
    on_rabbitmq(settings, rabbitmq_url, queue_type=queue_type)
    queue = settings.CQRS["queue"]
    assert f"ok broker: 0 message(s) wait in {queue}, 0 consumer(s)." in run("cqrs_status")
    publish_on_rabbitmq(save(0, name="x"))

    assert "and nobody consumes them." in run_failing("cqrs_status")[0]

    consumer = RabbitMQTransport.consumer()
    consumer.receive(max_messages=1, timeout_seconds=20)
    assert RabbitMQTransport.status().consumers == 1
    consumer.close()
    settings.CQRS = {**settings.CQRS, "queue": "missing"}
    assert "There is no queue 'missing'; run cqrs_declare." in run_failing("cqrs_status")[0]


def test_a_broker_that_knows_no_consumers_tells_what_waits(settings: Any, tmp_path: Path) -> None:
    all_is_well()
    url = {"transport": "dj_cqrs.transport.KombuTransport", "url": f"filesystem://{tmp_path}"}
    settings.CQRS = {**settings.CQRS, **url}
    KombuTransport.declare()
    publisher = KombuTransport.publisher()
    publisher.publish([OutgoingMessage("1", "item", b"{}")], timeout_seconds=10)
    publisher.close()

    # The workers' progress is unknown: they have started long ago, and nothing was done.
    assert (
        "FAILED broker: 1 message(s) wait in replica, and none was"
        in run_failing("cqrs_status")[0]
    )
    WorkerHeartbeat.objects.update(progress_seconds=1)
    assert "ok broker: 1 message(s) wait in replica." in run("cqrs_status")


def test_a_transport_that_cannot_say_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    all_is_well()

    def cannot() -> None:
        raise NotImplementedError

    monkeypatch.setattr(MemoryTransport, "status", staticmethod(cannot))

    assert "ok broker: This transport cannot be asked." in run("cqrs_status")
