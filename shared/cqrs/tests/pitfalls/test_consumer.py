"""What django-cqrs's consumer gets wrong (W22 to W31), and ours must not."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.utils import timezone

from dj_cqrs import logger, wire
from dj_cqrs.exceptions import TransportError
from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import ledger
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.settlement import Done
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import REASON_HEADER, Delivery, OutgoingMessage, PublishOutcome
from dj_cqrs.transport.memory import MemoryBroker, MemoryTransport, broker
from dj_cqrs.transport.memory_broker import StoredMessage
from local_stack.waiting import eventually
from tests.app.replica_models import HookedItem, Item, Notifier, Parent
from tests.replica.bodies import BROKEN, HOPELESS, RETRIED, body
from tests.replica.killing import kill, work_until_done
from tests.replica.outage import database_away
from tests.replica.support import MONOTONIC, delete, save

pytestmark = pytest.mark.django_db(transaction=True)

Status = ParkedMessage.Status
#: Of tests/settings.py.
MAX_RETRIES = 3


@pytest.fixture(autouse=True)
def _fresh(memory_broker: MemoryBroker) -> None:
    """A broker and models that remember nothing."""
    HookedItem.calls.clear()
    HookedItem.explosive.clear()
    Notifier.received.clear()


@pytest.fixture
def memory_broker() -> Iterator[MemoryBroker]:
    broker.reset()
    MemoryTransport.declare()
    yield broker
    broker.reset()


@pytest.fixture
def run_worker() -> Iterator[Callable[..., Worker]]:
    """Starts a worker in a thread; that it lives on is part of every test."""
    started: list[tuple[Worker, threading.Thread]] = []

    def run(applier: Any, cqrs_ids: set[str] | None = None) -> Worker:
        worker = Worker(
            lambda: MemoryTransport.consumer(cqrs_ids),
            applier,
            batch_size=50,
            longest_back_off_seconds=0.1,
        )
        thread = threading.Thread(target=_run, args=(worker,), daemon=True)
        started.append((worker, thread))
        thread.start()
        return worker

    yield run
    for worker, thread in started:
        assert thread.is_alive(), "the worker died"
        worker.stop()
        thread.join(10)
        assert not thread.is_alive(), "the worker did not stop"


def _run(worker: Worker) -> None:
    try:
        worker.run()
    finally:
        connections.close_all()


def publish(*messages: RawMessage) -> None:
    for message in messages:
        broker.publish(OutgoingMessage("", message.routing_key, message.body, message.headers))


def note(name: str, pk: int = 1, **kwargs: Any) -> RawMessage:
    """A message for the model without a database."""
    return save(0, cqrs_id="notifier", pk=pk, name=name, **kwargs)


def names() -> list[str]:
    """What arrived at the model without a database."""
    return [received[1]["name"] for received in list(Notifier.received)]


def letters() -> list[StoredMessage]:
    return broker.messages("dead_letter_replica")


def replica_settings(settings: Any, **changes: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {**settings.CQRS["replica"], **changes}}


def on_rabbitmq(settings: Any, url: str, **replica: Any) -> None:
    """Uses a real broker, with an exchange and a queue of this test's own."""
    unique = uuid4().hex
    settings.CQRS = {
        **settings.CQRS,
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": url,
        "exchange": f"cqrs_{unique}",
        "queue": f"replica_{unique}",
        "replica": {**settings.CQRS["replica"], **replica},
    }
    RabbitMQTransport.declare()


def publish_on_rabbitmq(*messages: RawMessage) -> None:
    publisher = RabbitMQTransport.publisher()
    outgoing = [
        OutgoingMessage(str(number), each.routing_key, each.body, each.headers)
        for number, each in enumerate(messages)
    ]
    outcomes = publisher.publish(outgoing, timeout_seconds=30)
    publisher.close()
    assert set(outcomes) == {PublishOutcome.CONFIRMED}


# W22: one body kills all workers


def test_w22_no_body_kills_a_worker_or_is_lost(run_worker: Callable[..., Worker]) -> None:
    poison = [*HOPELESS.values(), *RETRIED.values()]
    run_worker(InboxApplier())

    for number, each in enumerate(poison, start=10):
        publish(RawMessage(each, "item", MONOTONIC), save(0, pk=number, name="neighbour"))

    def check() -> None:
        assert Item.objects.filter(name="neighbour").count() == len(poison)
        assert ParkedMessage.objects.count() == len(poison)

    eventually(check)


def test_w22_nor_without_an_inbox(run_worker: Callable[..., Worker]) -> None:
    poison = list(BROKEN.values())
    run_worker(PlainApplier())

    for each in poison:
        publish(RawMessage(each, "notifier", {}), note("neighbour"))

    def check() -> None:
        assert names() == ["neighbour"] * len(poison)
        assert [letter.body for letter in letters()] == poison
        assert all(letter.headers[REASON_HEADER] for letter in letters())

    eventually(check)


def test_w22_a_message_without_expiry_is_fine_on_a_service_that_is_no_master(
    run_worker: Callable[..., Worker], settings: Any
) -> None:
    settings.CQRS = {key: value for key, value in settings.CQRS.items() if key != "master"}
    run_worker(InboxApplier())

    publish(RawMessage(body(expires=...), "item", {}))

    eventually(lambda: Item.objects.get(name="fine"))


# W23: dropped with only a log line

DROPPED = {
    "unparseable": b"\xff",
    "a key is missing": body(instance_data=...),
    "unknown cqrs_id": body(cqrs_id="of_tomorrow"),
}


@pytest.mark.parametrize("name", DROPPED)
def test_w23_what_nobody_understands_is_kept(name: str, run_worker: Callable[..., Worker]) -> None:
    run_worker(InboxApplier())

    publish(RawMessage(DROPPED[name], "item", {}))

    parked = eventually(ParkedMessage.objects.get)
    assert bytes(parked.body) == DROPPED[name]
    assert parked.reason


@pytest.mark.parametrize("name", DROPPED)
def test_w23_nor_is_it_dropped_without_an_inbox(
    name: str, run_worker: Callable[..., Worker]
) -> None:
    run_worker(PlainApplier())

    publish(RawMessage(DROPPED[name], "notifier", {}))

    eventually(lambda: _equal([letter.body for letter in letters()], [DROPPED[name]]))
    assert letters()[0].headers[REASON_HEADER]


def test_w23_nor_on_a_real_broker(settings: Any, rabbitmq_url: str) -> None:
    on_rabbitmq(settings, rabbitmq_url)
    publish_on_rabbitmq(*(RawMessage(each, "notifier", {}) for each in DROPPED.values()))
    dead_letters = RabbitMQTransport.dead_letters()

    def is_done() -> bool:
        return dead_letters.count() == len(DROPPED)

    assert work_until_done(PlainApplier, is_done, 1, RabbitMQTransport.consumer) == 0

    kept = list(dead_letters.browse())
    dead_letters.close()
    assert [letter.body for letter in kept] == list(DROPPED.values())
    assert all(letter.headers[REASON_HEADER] for letter in kept)


def test_w23_a_message_of_an_unknown_model_holds_the_tombstone_of_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dj_cqrs.registries import ReplicaRegistry

    apply_batch([save(0, name="x")])
    apply_batch([delete(2)])
    with monkeypatch.context() as patch:
        patch.delitem(ReplicaRegistry.models, "item")
        apply_batch([save(1, name="late")])
    parked = ParkedMessage.objects.get()
    assert (parked.cqrs_id, parked.row_pk) == ("item", "1")

    LedgerEntry.objects.update(changed_at=timezone.now() - timedelta(days=1000))
    assert ledger.prune_tombstones(1, "default") == 0


# W24: published again without a confirm


def test_w24_a_retry_that_the_broker_does_not_confirm_loses_nothing(
    run_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    replica_settings(settings, CQRS_RETRY_DELAY=0)
    fails = threading.Event()
    fails.set()

    def hook(master_data: dict[str, Any], **kwargs: Any) -> bool:
        if fails.is_set():
            broker.set_reachable(False)  # just when the retry is to be published
            raise RuntimeError("not now")
        Notifier.received.append(("save", master_data))
        return True

    monkeypatch.setattr(Notifier, "cqrs_save", hook)
    publish(note("precious"))
    worker = run_worker(PlainApplier())
    eventually(lambda: _true(worker._failures > 1))

    fails.clear()
    broker.set_reachable(True)

    eventually(lambda: _equal(names(), ["precious"]))
    eventually(lambda: _true(not broker.messages("replica")))
    assert not letters()


def test_w24_nor_does_a_dead_letter(
    run_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dj_cqrs.transport.memory import MemoryConsumer

    put = MemoryConsumer.dead_letter
    outages = iter(range(3))

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        if next(outages, None) is not None:
            raise TransportError("not confirmed")
        put(self, *args, **kwargs)

    monkeypatch.setattr(MemoryConsumer, "dead_letter", refuse)
    run_worker(PlainApplier())

    publish(RawMessage(b"\xff", "notifier", {}))

    eventually(lambda: _equal([letter.body for letter in letters()], [b"\xff"]))


# W25: a full delay queue forgets the delays


def test_w25_many_failures_keep_their_delay_and_attempts(settings: Any) -> None:
    replica_settings(settings, delay_queue_max_size=10, CQRS_RETRY_DELAY=60)
    HookedItem.explosive.add("bomb")
    before = timezone.now()

    apply_batch([save(0, cqrs_id="hooked_item", pk=pk, name="bomb") for pk in range(200)])

    assert not InboxApplier().do_chores()
    assert len({data["id"] for _, data in HookedItem.calls}) == 200
    assert len(HookedItem.calls) == 200
    assert set(ParkedMessage.objects.values_list("status", "attempts")) == {(Status.RETRYING, 1)}
    assert ParkedMessage.objects.filter(due_at__gte=before + timedelta(seconds=60)).count() == 200


def test_w25_nor_without_an_inbox(
    run_worker: Callable[..., Worker], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica_settings(settings, delay_queue_max_size=10, CQRS_RETRY_DELAY=60)
    calls: list[Any] = []

    def fail(master_data: dict[str, Any], **kwargs: Any) -> None:
        calls.append(master_data["id"])

    monkeypatch.setattr(Notifier, "cqrs_save", fail)
    run_worker(PlainApplier())

    publish(*(note("bomb", pk=pk) for pk in range(200)))

    eventually(lambda: _equal(sorted(calls), list(range(200))))
    eventually(lambda: _true(not broker.messages("replica")))
    assert not letters()
    assert len(broker._delayed) == 200


@pytest.mark.postgres
def test_w25_an_outage_of_the_database_uses_up_no_attempts(
    run_worker: Callable[..., Worker],
) -> None:
    worker = run_worker(InboxApplier())
    publish(save(0, pk=0, name="before"))
    eventually(lambda: _equal(Item.objects.count(), 1))

    with database_away():
        publish(*(save(0, pk=pk, name="meanwhile") for pk in range(1, 20)))
        eventually(lambda: _true(worker._failures >= 5))
        assert len(broker.messages("replica")) == 19  # the broker keeps them

    eventually(lambda: _equal(Item.objects.count(), 20))
    assert not ParkedMessage.objects.exists()
    assert not letters()


# W26: held unacknowledged; a message that kills its worker goes round for ever


def test_w26_a_message_that_waits_is_not_held(settings: Any) -> None:
    replica_settings(settings, CQRS_RETRY_DELAY=0)
    publish(note("explode"))
    consumer = MemoryTransport.consumer()
    for settlement in PlainApplier().apply(consumer.receive(max_messages=9, timeout_seconds=9)):
        settlement.settle(consumer)
    consumer.close()

    (waiting,) = eventually(lambda: _not_empty(broker.messages("replica")))
    assert not waiting.redelivered  # it was not given back, it had been settled
    assert waiting.routing_key == "cqrs.replica.notifier"
    assert wire.decode(waiting.body)["retries"] == 1


def test_w26_a_message_that_kills_its_workers_ends_as_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    replica_settings(settings, CQRS_RETRY_DELAY=0)
    create = HookedItem.cqrs_create
    monkeypatch.setattr(
        HookedItem,
        "cqrs_create",
        lambda sync, data, *args, **kwargs: (
            kill() if data["name"] == "killer" else create(sync, data, *args, **kwargs)
        ),
    )
    publish(
        *(save(0, cqrs_id="hooked_item", pk=pk, name="innocent") for pk in range(5)),
        save(0, cqrs_id="hooked_item", pk=5, name="killer"),
        *(save(0, cqrs_id="hooked_item", pk=pk, name="innocent") for pk in range(6, 10)),
    )

    def is_done() -> bool:
        # Lets the time pass: a dead worker's claim is held for a while.
        ParkedMessage.objects.exclude(due_at=None).update(due_at=timezone.now())
        return (
            HookedItem.objects.filter(name="innocent").count() == 9
            and ParkedMessage.objects.filter(status=Status.DEAD).exists()
        )

    deaths = work_until_done(InboxApplier, is_done, limit=20)

    letter = ParkedMessage.objects.get()
    assert (letter.row_pk, letter.status) == ("5", Status.DEAD)
    assert "SuspectError" in letter.reason
    assert deaths > MAX_RETRIES


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[RawMessage]:
    """Ten messages for the model without a database; one kills whoever handles it."""
    replica_settings(settings, CQRS_RETRY_DELAY=0)
    receive = Notifier.cqrs_save
    monkeypatch.setattr(
        Notifier,
        "cqrs_save",
        lambda data, **kwargs: kill() if data["name"] == "killer" else receive(data, **kwargs),
    )
    return [note("killer" if pk == 5 else "innocent", pk=pk) for pk in range(10)]


def test_w26_nor_does_it_go_round_without_an_inbox(killer: list[RawMessage]) -> None:
    publish(*killer)

    deaths = work_until_done(PlainApplier, lambda: bool(letters()), limit=20)

    (letter,) = letters()
    assert wire.decode(letter.body)["instance_data"]["name"] == "killer"
    assert "SuspectError" in letter.headers[REASON_HEADER]
    assert names() == ["innocent"] * 9
    assert deaths == 1 + MAX_RETRIES


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_w26_nor_on_a_real_broker(
    queue_type: str, killer: list[RawMessage], settings: Any, rabbitmq_url: str
) -> None:
    on_rabbitmq(settings, rabbitmq_url, queue_type=queue_type)
    publish_on_rabbitmq(*killer)
    dead_letters = RabbitMQTransport.dead_letters()

    deaths = work_until_done(
        PlainApplier, lambda: dead_letters.count() > 0, 20, RabbitMQTransport.consumer
    )

    (letter,) = dead_letters.browse()
    dead_letters.close()
    assert wire.decode(letter.body)["instance_data"]["name"] == "killer"
    assert set(names()) == {"innocent"}
    assert {data["id"] for _, data in Notifier.received} == set(range(10)) - {5}
    assert deaths in range(1 + MAX_RETRIES, 7)


# W27: SIGTERM aborts the work in hand


def test_w27_what_is_in_hand_is_finished_before_the_end(tmp_path: Path) -> None:
    consuming = subprocess.Popen(
        [sys.executable, "-m", "django", "cqrs_consume", "--sigint-timeout", "20"],
        cwd=Path(__file__).resolve().parents[2],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.supervised.settings",
            "PID_DIRECTORY": str(tmp_path),
            "TRANSPORT": "BellTransport",
        },
    )
    try:
        eventually(lambda: _true((tmp_path / "ringing").exists()))
        consuming.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            consuming.wait(1)
        assert not (tmp_path / "rung").exists()

        (tmp_path / "let-go").touch()

        assert consuming.wait(20) == 0
        assert (tmp_path / "rung").exists()
        assert (tmp_path / "acked").exists()
    finally:
        (tmp_path / "let-go").touch()
        consuming.terminate()
        consuming.wait(20)


# W28: --cqrs-id limits the bindings, not what is in the queue


def test_w28_a_worker_for_some_models_does_the_others_no_harm(
    run_worker: Callable[..., Worker],
) -> None:
    publish(save(0, cqrs_id="parent", pk=1, name="p"), save(0, name="x"))

    run_worker(InboxApplier(), {"item"})

    eventually(lambda: _equal(Item.objects.count(), 1))
    eventually(lambda: _equal(Parent.objects.count(), 1))
    assert not ParkedMessage.objects.exists()


# W29: one message, one transaction; one worker hoards what it cannot apply yet


@pytest.mark.parametrize("count", [2, 50])
def test_w29_a_batch_costs_the_same_few_statements_and_one_commit(
    count: int, django_assert_max_num_queries: Any
) -> None:
    messages = [save(0, pk=pk, name="x") for pk in range(count)]
    batch = [Delivery(each.body, "item", {}, False, tag) for tag, each in enumerate(messages)]

    with django_assert_max_num_queries(12):
        assert list(InboxApplier().apply(batch)) == [Done(batch)]

    assert Item.objects.count() == count


def test_w29_a_worker_leaves_the_others_something_to_do(settings: Any, rabbitmq_url: str) -> None:
    on_rabbitmq(settings, rabbitmq_url, batch_size=5)
    publish_on_rabbitmq(*(RawMessage(b"1", "item", {}) for _ in range(50)))

    first, second = RabbitMQTransport.consumer(), RabbitMQTransport.consumer()
    try:
        assert len(first.receive(max_messages=50, timeout_seconds=10)) <= 10
        eventually(lambda: _not_empty(second.receive(max_messages=50, timeout_seconds=1)))
    finally:
        first.close()
        second.close()


# W31: the wrapper drops what execute() returns


@pytest.mark.postgres
def test_w31_a_watched_statement_returns_what_it_returned(settings: Any) -> None:
    replica_settings(settings, CQRS_LOG_TIMED_OUT_QUERIES=True)
    returned: list[Any] = []

    def outer(execute: Callable[..., Any], *args: Any) -> Any:
        returned.append(execute(*args))
        return returned[-1]

    before = list(connection.execute_wrappers)
    logger.install_last_query_capturer(Item)
    try:
        with connection.execute_wrapper(outer), connection.cursor() as cursor:
            connection.execute_wrappers.reverse()
            cursor.execute("SELECT 1")
            connection.execute_wrappers.reverse()
    finally:
        connection.execute_wrappers[:] = before
    assert returned[0] is not None


def _equal(one: Any, other: Any) -> None:
    assert one == other


def _not_empty(messages: list[Any]) -> list[Any]:
    assert messages
    return messages


def _true(condition: bool) -> None:
    assert condition
