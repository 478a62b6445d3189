"""Fixtures of the replica's tests."""

from collections.abc import Callable, Iterator

import pytest

from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.worker import Applier, Worker
from dj_cqrs.transport.base import OutgoingMessage
from dj_cqrs.transport.memory import MemoryBroker, MemoryTransport, broker
from local_stack.waiting import eventually
from tests.app.replica_models import HookedItem, Notifier
from tests.replica.threads import worker_threads


@pytest.fixture(autouse=True)
def _forgetful_models() -> None:
    """What the models of the tests remember is forgotten before each test."""
    HookedItem.calls.clear()
    HookedItem.explosive.clear()
    Notifier.received.clear()


@pytest.fixture
def memory_broker() -> Iterator[MemoryBroker]:
    """The broker of this process, with this service's queue and bindings."""
    broker.reset()
    MemoryTransport.declare()
    yield broker
    broker.reset()


@pytest.fixture
def publish(memory_broker: MemoryBroker) -> Callable[[RawMessage], None]:
    """Publishes a message as a relay does."""

    def publish(raw: RawMessage) -> None:
        memory_broker.publish(OutgoingMessage("1", raw.routing_key, raw.body, raw.headers))

    return publish


@pytest.fixture
def run_worker(memory_broker: MemoryBroker) -> Iterator[Callable[..., Worker]]:
    """Starts a worker in a thread; that it lives on until its end is part of every test."""
    with worker_threads() as start:

        def run(applier: Applier | None = None, cqrs_ids: set[str] | None = None) -> Worker:
            worker = Worker(
                lambda: MemoryTransport.consumer(cqrs_ids),
                applier or InboxApplier(),
                batch_size=50,
                longest_back_off_seconds=0.1,
            )
            start(worker)
            return worker

        yield run


@pytest.fixture
def settled(memory_broker: MemoryBroker) -> Callable[[], None]:
    """Waits until the queue is empty."""

    def wait() -> None:
        def check() -> None:
            assert not memory_broker.messages("replica")

        eventually(check)

    return wait
