"""Signs of life: cheap, by the main loop, and never the reason why something fails."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from dj_cqrs.heartbeats.in_database import DatabaseStore
from dj_cqrs.heartbeats.in_directory import DirectoryStore
from dj_cqrs.heartbeats.pulse import Pulse
from dj_cqrs.heartbeats.signs import FORGET_SECONDS, Sign, Store, this_process
from dj_cqrs.inbox.models import WorkerHeartbeat
from dj_cqrs.outbox.models import RelayHeartbeat
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport.base import PublishOutcome
from dj_cqrs.transport.memory import MemoryTransport
from local_stack.waiting import eventually
from tests.app.master_models import Author
from tests.expectations import expect
from tests.health.signs import Clock, ListStore, leave, names, seen
from tests.outbox.test_relay import ScriptedPublisher
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["database", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "database":
        return DatabaseStore(WorkerHeartbeat, "default")
    return DirectoryStore(str(tmp_path / "made" / "here"))


def test_a_store_keeps_the_last_sign_of_each_process(store: Store) -> None:
    mine, other = this_process("worker"), Sign("worker 7 on b", "b", 7, progress_seconds=2.5)
    store.write(mine, is_first=True)
    store.write(other, is_first=True)
    store.write(Sign(mine.name, mine.host, mine.pid, "handling", 1.0, 2.0, 3.0), is_first=False)

    by_name = {one.sign.name: one for one in store.read()}
    assert by_name[other.name].sign == other
    assert by_name[mine.name].sign == Sign(mine.name, mine.host, mine.pid, "handling", 1, 2, 3)
    assert 0 <= by_name[mine.name].silent_seconds < 60
    assert by_name[mine.name].age_seconds >= by_name[mine.name].silent_seconds

    store.remove([mine.name, "nobody"])
    assert names(store) == [other.name]


def test_a_successor_with_the_same_pid_starts_anew() -> None:
    """In containers every process has the same small pid."""
    store = DatabaseStore(WorkerHeartbeat, "default")
    leave(WorkerHeartbeat, "worker 7 on b", age=5000, silent=4000)

    store.write(Sign("worker 7 on b", "b", 7), is_first=True)

    (successor,) = store.read()
    assert successor.age_seconds < 60


def test_a_sign_never_becomes_part_of_a_transaction() -> None:
    store = DatabaseStore(WorkerHeartbeat, "default")
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        store.write(this_process("worker"), is_first=True)

    assert len(queries) == 0
    assert names(store) == []


def test_a_sign_is_one_statement() -> None:
    store = DatabaseStore(WorkerHeartbeat, "default")
    store.write(this_process("worker"), is_first=True)
    with CaptureQueriesContext(connection) as queries:
        store.write(this_process("worker"), is_first=False)

    statements = [query["sql"] for query in queries if "INSERT" in query["sql"]]
    assert len(statements) == 1


def test_what_is_no_sign_in_the_directory_is_skipped(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    store.write(this_process("worker"), is_first=True)
    (tmp_path / "x.heartbeat.json").write_text("{")
    (tmp_path / "y.heartbeat.json").write_text('{"beat_at": 1}')

    assert names(store) == [this_process("worker").name]


def test_signs_are_left_seldom_however_often_the_loop_turns() -> None:
    clock, store = Clock(), ListStore()
    pulse = Pulse("worker", store, interval_seconds=5, clock=clock)
    for _ in range(100):
        pulse.takes(1)
        pulse.progressed()
        pulse.beat()
        clock.now += 0.1

    assert len(store.signs) == 2


def test_a_sign_says_since_when_nothing_gets_done() -> None:
    clock, store = Clock(), ListStore()
    pulse = Pulse("worker", store, interval_seconds=5, clock=clock)
    pulse.beat()
    pulse.takes(3)
    clock.now += 10
    pulse.takes(3)  # the same ones, after a lost connection
    pulse.fails("the database is away")
    clock.now += 10
    pulse.beat()
    pulse.progressed()
    clock.now += 10
    pulse.beat()

    first, stuck, well = store.signs
    assert (first.progress_seconds, first.waiting_seconds, first.failing_seconds) == (None,) * 3
    assert (stuck.progress_seconds, stuck.waiting_seconds, stuck.failing_seconds) == (None, 20, 10)
    assert stuck.doing == "waits: the database is away"
    assert (well.progress_seconds, well.waiting_seconds, well.failing_seconds) == (10, None, None)


def test_a_store_that_is_away_harms_nobody() -> None:
    def fail() -> None:
        raise DatabaseError("away")

    pulse = Pulse("worker", ListStore(fail))
    pulse.beat()
    pulse.close()


def test_who_ends_in_good_order_takes_its_sign_with_it() -> None:
    store = ListStore()
    pulse = Pulse("worker", store)
    pulse.beat()
    pulse.close()

    assert store.removed == [this_process("worker").name]


def test_the_living_forget_the_dead() -> None:
    host = socket.gethostname()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store = ListStore()
    store.others = [
        seen("long ago elsewhere", silent=FORGET_SECONDS + 1),
        seen("silent elsewhere", silent=FORGET_SECONDS - 1),
        _here("ended here", host, ended.pid),
        _here("stopped here", host, os.getppid()),
    ]
    Pulse("worker", store).beat()

    assert store.removed == ["long ago elsewhere", "ended here"]


def _here(name: str, host: str, pid: int) -> Any:
    from dj_cqrs.heartbeats.signs import Seen

    return Seen(Sign(name, host, pid), 100, 10)


def test_a_worker_gives_signs_from_its_loop_so_that_one_that_hangs_falls_silent(
    memory_broker: Any, publish: Any
) -> None:
    """A thread of its own would go on saying that all is well."""
    hangs, may_go_on = threading.Event(), threading.Event()

    class Hanging:
        def check_ready(self) -> None: ...

        def apply(self, deliveries: Any) -> Any:
            hangs.set()
            assert may_go_on.wait(20)
            from dj_cqrs.replica.settlement import Done

            yield Done(deliveries)

        def do_chores(self) -> bool:
            return False

    store = ListStore()
    pulse = Pulse("worker", store, interval_seconds=0.01)
    worker = Worker(MemoryTransport.consumer, Hanging(), batch_size=1, pulse=pulse)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        eventually(lambda: expect(len(store.signs) >= 2))
        publish(save(0, name="x"))
        assert hangs.wait(20)
        so_far = len(store.signs)
        threading.Event().wait(0.2)  # twenty times the interval
        assert len(store.signs) == so_far
        may_go_on.set()
        eventually(lambda: expect(store.signs[-1].progress_seconds is not None))
    finally:
        may_go_on.set()
        worker.stop()
        thread.join(20)
    assert store.removed == [this_process("worker").name]


def test_a_relay_says_when_it_published_and_takes_leave() -> None:
    Author.objects.create(name="x")
    store = DatabaseStore(RelayHeartbeat, "default")
    pulse = Pulse("relay", store, interval_seconds=0.001)
    publisher = ScriptedPublisher(lambda _: PublishOutcome.CONFIRMED)
    relay = Relay(publisher, using="default", batch_size=10, pulse=pulse)
    looks: list[list[Any]] = []

    def should_stop() -> bool:
        looks.append(store.read())
        return len(publisher.waits) >= 3

    relay.run(should_stop)

    ((last,),) = looks[-1:]
    assert last.sign.progress_seconds is not None
    assert last.sign.doing == "waiting for messages"
    assert names(store) == []
