"""``controller.consumer.run``, which ``transport.consume`` calls: a worker as the settings say."""

import os
import signal
import threading
import time
from collections.abc import Collection, Iterator
from typing import ClassVar

import pytest

from dj_cqrs.controller import consumer as controller
from dj_cqrs.exceptions import BrokerUnreachableError
from dj_cqrs.transport.base import Consumer, OutgoingMessage
from dj_cqrs.transport.memory import MemoryBroker, MemoryTransport
from local_stack.waiting import eventually
from tests.app.replica_models import Notifier
from tests.expectations import expect_some
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


class HesitantTransport(MemoryTransport):
    """Its broker is there at the ninth attempt."""

    CONSUMER_RETRY_TIMEOUT: ClassVar[float] = 0.01
    attempts: ClassVar[list[Collection[str] | None]] = []

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        cls.attempts.append(cqrs_ids)
        if len(cls.attempts) < 9:
            raise BrokerUnreachableError("not yet")
        return super().consumer(cqrs_ids)


@pytest.fixture
def told_to_end_when_notified() -> Iterator[None]:
    """SIGTERM to this very process, as soon as the notifier has something."""
    Notifier.received.clear()

    def tell() -> None:
        try:
            eventually(lambda: expect_some(list(Notifier.received)))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=tell)
    thread.start()
    yield
    thread.join()


@pytest.mark.usefixtures("told_to_end_when_notified")
def test_it_consumes_until_it_is_told_to_end(memory_broker: MemoryBroker) -> None:
    before = signal.getsignal(signal.SIGTERM)
    message = save(0, cqrs_id="notifier", name="x")
    memory_broker.publish(OutgoingMessage("", "notifier", message.body, message.headers))

    controller.run(MemoryTransport)

    assert [data["name"] for _, data in Notifier.received] == ["x"]
    assert not memory_broker.messages("replica")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.usefixtures("told_to_end_when_notified")
def test_the_transport_says_how_long_it_waits_between_two_attempts(
    memory_broker: MemoryBroker,
) -> None:
    HesitantTransport.attempts.clear()
    message = save(0, cqrs_id="notifier", name="x")
    memory_broker.publish(OutgoingMessage("", "notifier", message.body, message.headers))
    started_at = time.monotonic()

    controller.run(HesitantTransport, ["notifier"])

    assert time.monotonic() - started_at < 3
    assert HesitantTransport.attempts == [["notifier"]] * 9
    assert Notifier.received
