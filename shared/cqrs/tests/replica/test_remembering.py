"""A batch that outlasts the broker's patience comes again; its hooks are not called again."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.settlement import Done, RetriedLater
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Delivery
from local_stack.servers import RabbitMQServer
from local_stack.waiting import eventually
from tests.app.replica_models import Notifier
from tests.expectations import expect
from tests.pitfalls.consuming import note, on_rabbitmq, publish_on_rabbitmq
from tests.replica.threads import worker_threads

pytestmark = pytest.mark.django_db(transaction=True)

_APPLIERS = [PlainApplier, InboxApplier]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Notifier.received.clear()


def _delivery(name: str, tag: int = 1) -> Delivery:
    raw = note(name, pk=tag)
    return Delivery(raw.body, raw.routing_key, raw.headers, False, tag)


def _again(delivery: Delivery) -> Delivery:
    return dataclasses.replace(delivery, redelivered=True, tag=delivery.tag + 100)


@pytest.mark.parametrize("applier", _APPLIERS)
def test_a_hook_is_not_called_again_for_what_this_worker_has_done(
    applier: Callable[[], Any],
) -> None:
    worker = applier()
    first = _delivery("x")
    list(worker.apply([first]))

    assert list(worker.apply([_again(first)])) == [Done([_again(first)])]
    assert len(Notifier.received) == 1
    assert not ParkedMessage.objects.exists()  # nor is it taken for a killer


@pytest.mark.parametrize("applier", _APPLIERS)
def test_once_the_broker_delivers_nothing_again_all_is_forgotten(
    applier: Callable[[], Any],
) -> None:
    worker = applier()
    first = _delivery("x")
    list(worker.apply([first]))
    list(worker.apply([_delivery("y", 2)]))

    list(worker.apply([_delivery("z", 3), first]))  # somebody sent the same once more

    assert [data["name"] for _, data in Notifier.received] == ["x", "y", "z", "x"]


def test_a_failure_without_an_inbox_is_settled_without_a_second_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def fail(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise RuntimeError("no")

    monkeypatch.setattr(Notifier, "cqrs_save", fail)
    worker = PlainApplier()
    first = _delivery("x")
    list(worker.apply([first]))

    (settlement,) = worker.apply([_again(first)])

    assert isinstance(settlement, RetriedLater)
    assert settlement.delivery == _again(first)
    assert len(calls) == 1


def test_a_failure_with_an_inbox_is_parked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notifier, "cqrs_save", lambda *_, **__: 1 / 0)
    worker = InboxApplier()
    first = _delivery("x")
    list(worker.apply([first]))

    assert list(worker.apply([_again(first)])) == [Done([_again(first)])]
    assert ParkedMessage.objects.count() == 1


@pytest.fixture
def impatient_broker(rabbitmq: RabbitMQServer) -> Iterator[str]:
    """A broker that takes back what is not settled after a second, and looks every half."""
    names = ("consumer_timeout", "channel_tick_interval")
    before = [
        rabbitmq.ctl("eval", f"application:get_env(rabbit, {name}).").strip() for name in names
    ]
    rabbitmq.ctl("eval", "application:set_env(rabbit, consumer_timeout, 1000).")
    rabbitmq.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
    yield rabbitmq.url
    for name, value in zip(names, before, strict=True):
        number = value.removeprefix("{ok,").removesuffix("}")
        rabbitmq.ctl("eval", f"application:set_env(rabbit, {name}, {number}).")


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
@pytest.mark.parametrize("applier", _APPLIERS)
def test_a_batch_that_takes_longer_than_the_consumer_timeout_does_not_loop(
    applier: Callable[[], Any],
    queue_type: str,
    impatient_broker: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_rabbitmq(settings, impatient_broker, queue_type=queue_type)
    consumers: list[Any] = []
    calls: list[str] = []

    def open_consumer() -> Any:
        consumers.append(RabbitMQTransport.consumer())
        return consumers[-1]

    def work(data: Any, **_: Any) -> bool:
        calls.append(data["name"])
        if data["name"] == "slow":
            eventually(lambda: expect(consumers[-1]._failure is not None), within_seconds=30)
        return True

    monkeypatch.setattr(Notifier, "cqrs_save", work)
    publish_on_rabbitmq(note("slow", 1), note("quick", 2))
    worker = Worker(open_consumer, applier(), batch_size=10, longest_back_off_seconds=0.2)
    with worker_threads() as start:
        start(worker)
        eventually(lambda: expect(len(consumers) > 1 and "quick" in calls), within_seconds=60)
        publish_on_rabbitmq(note("last", 3))
        eventually(lambda: expect("last" in calls), within_seconds=60)

    assert calls.count("slow") == 1
    assert RabbitMQTransport.status().ready == 0
