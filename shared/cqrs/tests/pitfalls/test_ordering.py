"""What django-cqrs gets wrong about order and fields (W15 to W21), and ours must not."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from dj_cqrs.controller.consumer import consume
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.transport.memory import MemoryTransport, broker
from local_stack.waiting import eventually
from tests.app.replica_models import (
    Child,
    DirectOnly,
    HookedItem,
    Item,
    Locked,
    LooseChild,
    Parent,
)
from tests.expectations import expect
from tests.locks import somebody_waits_for_a_lock
from tests.replica.support import at, delete, outcomes, raw, save, sync

pytestmark = pytest.mark.django_db(transaction=True)

STALE, APPLIED = Outcome.STALE, Outcome.APPLIED


@pytest.fixture(params=[Item, HookedItem], ids=["bulk", "hooks"])
def model(request: pytest.FixtureRequest) -> Any:
    """A model whose rows are written in bulk, and one whose hooks are called."""
    HookedItem.calls.clear()
    HookedItem.explosive.clear()
    return request.param


def data(revision: int, **fields: Any) -> dict[str, Any]:
    """Instance data of a master's row."""
    return {"id": 1, "cqrs_revision": revision, "cqrs_updated": str(at(revision)), **fields}


# W15: a late save brings a deleted row back


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_w15_a_late_save_does_not_resurrect_a_deleted_row(model: Any, is_one_batch: bool) -> None:
    messages = [
        save(0, cqrs_id=model.CQRS_ID, name="a"),
        delete(2, cqrs_id=model.CQRS_ID),
        save(1, cqrs_id=model.CQRS_ID, name="b"),
    ]

    if is_one_batch:
        apply_batch(messages)
    else:
        assert outcomes(*messages) == [APPLIED, APPLIED, STALE]

    assert not model.objects.exists()
    assert not ParkedMessage.objects.exists()


def test_w15_nor_does_a_failed_save_that_the_delete_overtakes() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="a")])
    apply_batch([save(1, cqrs_id="hooked_item", name="bomb")])
    apply_batch([delete(2, cqrs_id="hooked_item")])
    HookedItem.explosive.clear()

    ParkedMessage.objects.update(due_at=at(0))
    InboxApplier().do_chores()

    assert not HookedItem.objects.exists()
    assert not ParkedMessage.objects.exists()


def test_w15_nor_does_one_that_is_consumed_in_process() -> None:
    for signal_type, revision in (("SAVE", 0), ("DELETE", 2), ("SAVE", 1)):
        assert consume(TransportPayload(signal_type, "item", data(revision, name="x"), 1))

    assert not Item.objects.exists()


def test_w15_a_key_that_is_used_again_wins_over_its_tombstone(model: Any) -> None:
    outcomes(
        save(0, cqrs_id=model.CQRS_ID, name="old"),
        delete(1, cqrs_id=model.CQRS_ID),
        save(2, cqrs_id=model.CQRS_ID, name="new"),
    )

    assert model.objects.get().name == "new"


# W16: a late delete removes a newer row


def test_w16_a_late_delete_does_not_remove_a_newer_row(model: Any) -> None:
    results = outcomes(save(7, cqrs_id=model.CQRS_ID, name="a"), delete(3, cqrs_id=model.CQRS_ID))

    assert results == [APPLIED, STALE]
    assert model.objects.get().cqrs_revision == 7


# W17: read, check and write without a lock (every interleaving: tests/replica/test_races.py)


@pytest.fixture
def another_worker() -> Iterator[Callable[..., Future[None]]]:
    """Applies messages in a thread of its own, until it is done or has to wait for us."""
    with ThreadPoolExecutor(1) as pool:

        def act(messages: list[RawMessage]) -> None:
            try:
                apply_batch(messages)
            finally:
                connections.close_all()

        def run(*messages: RawMessage) -> Future[None]:
            future = pool.submit(act, list(messages))
            eventually(lambda: expect(future.done() or somebody_waits_for_a_lock()))
            return future

        yield run


def meddle_after_lookup(model: Any, meddle: Callable[[], Any]) -> Any:
    """A wrapper of statements: when the row has been looked up, something else happens."""
    table = connection.ops.quote_name(model._meta.db_table)
    pending = [meddle]

    def wrapper(execute: Any, sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if pending and sql.startswith("SELECT") and f"FROM {table}" in sql:
            pending.pop()()
        return result

    return connection.execute_wrapper(wrapper)


@pytest.mark.row_locks
def test_w17_the_newest_of_two_workers_wins(another_worker: Any) -> None:
    apply_batch([save(0, cqrs_id="hooked_item", name="at 0")])
    other: list[Any] = []

    def meddle() -> None:
        other.append(another_worker(save(2, cqrs_id="hooked_item", name="at 2")))

    with meddle_after_lookup(HookedItem, meddle):
        apply_batch([save(1, cqrs_id="hooked_item", name="at 1")])
    other[0].result(20)

    row = HookedItem.objects.get()
    assert (row.name, row.cqrs_revision) == ("at 2", 2)


@pytest.mark.row_locks
def test_w17_a_row_that_is_deleted_while_it_is_updated_stays_deleted(another_worker: Any) -> None:
    apply_batch([save(0, cqrs_id="hooked_item", name="at 0")])
    other: list[Any] = []

    def meddle() -> None:
        other.append(another_worker(delete(2, cqrs_id="hooked_item")))

    with meddle_after_lookup(HookedItem, meddle):
        apply_batch([save(1, cqrs_id="hooked_item", name="at 1")])
    other[0].result(20)

    assert not HookedItem.objects.exists()


@pytest.mark.row_locks
@pytest.mark.parametrize("cqrs_id", ["hooked_item", "locked"])
def test_w17_two_creations_of_a_row_fail_neither(cqrs_id: str, another_worker: Any) -> None:
    other: list[Any] = []
    model: Any = {"hooked_item": HookedItem, "locked": Locked}[cqrs_id]

    def meddle() -> None:
        other.append(another_worker(save(1, cqrs_id=cqrs_id, name="b")))

    with meddle_after_lookup(model, meddle):
        apply_batch([save(0, cqrs_id=cqrs_id, name="a")])
    other[0].result(20)

    assert not ParkedMessage.objects.exists()
    assert model.objects.get().name == "b"


# W18: whatever sync comes last wins


def test_w18_a_late_sync_takes_nothing_back(model: Any, caplog: Any) -> None:
    caplog.set_level("INFO", "django-cqrs")
    outcomes(save(3, cqrs_id=model.CQRS_ID, name="new"))

    assert outcomes(sync(2, cqrs_id=model.CQRS_ID, name="old")) == [STALE]

    assert model.objects.get().name == "new"
    assert not ParkedMessage.objects.exists()


def test_w18_a_sync_of_the_same_revision_repairs_the_row(model: Any) -> None:
    outcomes(save(3, cqrs_id=model.CQRS_ID, name="right"))
    model.objects.update(name="damaged")

    assert outcomes(sync(3, cqrs_id=model.CQRS_ID, name="right")) == [APPLIED]
    assert model.objects.get().name == "right"


def test_w18_whoever_calls_it_directly_gets_what_the_contract_says() -> None:
    Item.cqrs_save(data(3, name="new"))

    assert Item.cqrs_save(data(2, name="old"), sync=True).cqrs_revision == 2


# W19: direct syncs are not told from broadcast ones


def test_w19_a_direct_sync_is_known_by_its_routing_key() -> None:
    def sync_to(routing_key: str) -> RawMessage:
        return raw("SYNC", 0, cqrs_id="direct_only", name="x", routing_key=routing_key)

    results = outcomes(sync_to("direct_only"), sync_to("cqrs.other.direct_only"))
    assert results == [Outcome.IGNORED] * 2
    assert not DirectOnly.objects.exists()

    assert outcomes(sync_to("cqrs.replica.direct_only")) == [APPLIED]
    assert outcomes(save(1, cqrs_id="direct_only", name="y")) == [APPLIED]


def test_w19_a_sync_to_one_queue_arrives_over_a_transport() -> None:
    broker.reset()
    MemoryTransport.declare()
    for queue in (None, "replica"):
        row = data(0, name=f"to {queue}")
        MemoryTransport.produce(TransportPayload("SYNC", "direct_only", row, 1, queue=queue))
        consumer = MemoryTransport.consumer()
        for settlement in InboxApplier().apply(
            consumer.receive(max_messages=5, timeout_seconds=5)
        ):
            settlement.settle(consumer)
        consumer.close()
        assert DirectOnly.objects.filter(name="to replica").exists() == (queue == "replica")
    assert not broker.messages("replica")


def test_w19_and_in_process() -> None:
    for queue, count in ((None, 0), ("other", 0), ("replica", 1)):
        payload = TransportPayload("SYNC", "direct_only", data(0, name="x"), 1, queue=queue)
        assert consume(payload)
        assert DirectOnly.objects.count() == count


# W20: a foreign key comes under its field's name, as the raw key


@pytest.mark.parametrize("child", [Child, LooseChild])
def test_w20_a_foreign_key_is_replicated(child: Any) -> None:
    names = {"name": "c"} if child is Child else {}
    apply_batch([save(0, cqrs_id="parent", pk=pk, name="p") for pk in (5, 6)])

    apply_batch([save(0, cqrs_id=child.CQRS_ID, parent=5, **names)])
    assert child.objects.get().parent_id == 5
    apply_batch([save(1, cqrs_id=child.CQRS_ID, parent=6, **names)])
    assert child.objects.get().parent_id == 6
    assert not ParkedMessage.objects.exists()


def test_w20_nor_does_a_direct_save_need_more() -> None:
    Parent.cqrs_save(data(0, name="p"))

    assert Child.cqrs_save(data(0, parent=1, name="c")).parent.name == "p"
    assert Child.cqrs_save(data(1, parent=None, name="c")) is None  # the column takes no NULL


# W21: a local column with a default


def test_w21_a_local_column_with_a_default_needs_no_value_from_the_master(model: Any) -> None:
    cqrs_id = model.CQRS_ID
    assert outcomes(save(0, cqrs_id=cqrs_id, name="a")) == [APPLIED]
    assert (model.objects.get().rating, model.objects.get().seen) == (7, False)

    model.objects.update(rating=1)
    assert outcomes(save(1, cqrs_id=cqrs_id, name="b")) == [APPLIED]
    assert model.objects.get().rating == 1


def test_w21_nor_in_a_direct_save() -> None:
    assert Item.cqrs_save(data(0, name="a")).rating == 7
