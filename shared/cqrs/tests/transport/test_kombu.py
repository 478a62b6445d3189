"""KombuTransport beyond the suite: Kombu's own programs, settings, servers that go away."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
from pytest_django import Settings
from redis import Redis

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import BrokerUnreachableError, ConfigurationError, TransportError
from dj_cqrs.transport import KombuTransport
from local_stack.proxy import Proxy
from local_stack.servers import Server
from local_stack.waiting import eventually
from tests.expectations import expect_equal
from tests.transport.faults import away
from tests.transport.kombu_settings import fresh_settings
from tests.transport.messages import CONFIRMED, message, messages, numbers, receive


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Each test has its own names, so the thread's connection must not outlive it."""
    KombuTransport.clean_connection()
    yield
    KombuTransport.clean_connection()


@pytest.fixture(params=["redis", "filesystem"])
def cqrs(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> dict[str, Any]:
    """``settings.CQRS`` with a fresh exchange and queue."""
    if request.param == "redis":
        settings.CQRS = fresh_settings(request.getfixturevalue("redis").url)
    else:
        settings.CQRS = fresh_settings(f"filesystem://{tmp_path}")
    made: dict[str, Any] = settings.CQRS
    return made


@pytest.fixture
def plain(cqrs: dict[str, Any], tmp_path: Path) -> Iterator[kombu.Connection]:
    """A connection as a program that uses Kombu alone has it."""
    options = {}
    url = cqrs["url"]
    if url.startswith("filesystem"):
        # Kombu itself makes no directories.
        (tmp_path / "messages").mkdir()
        messages = str(tmp_path / "messages")
        options = {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": str(tmp_path / "control"),
        }
        url = "filesystem://"
    with kombu.Connection(url, transport_options=options) as connection:
        yield connection


def payload(**changes: Any) -> TransportPayload:
    data = {"id": 1, "name": "Ähm", "cqrs_revision": 0}
    arguments: dict[str, Any] = {"correlation_id": "abc", **changes}
    return TransportPayload(SignalType.SAVE, "track", data, 1, **arguments)


def test_what_kombu_publishes_arrives(cqrs: dict[str, Any], plain: kombu.Connection) -> None:
    consumer = KombuTransport.consumer(["track"])
    exchange = kombu.Exchange(cqrs["exchange"], type="topic", durable=True)

    plain.Producer(serializer="json").publish(
        '{"a": "ä"}',
        exchange=exchange,
        routing_key="track",
        content_type="text/plain",
        content_encoding="utf-8",
        declare=[exchange],
    )

    (delivery,) = receive(consumer, 1)
    assert (delivery.body, delivery.routing_key) == ('{"a": "ä"}'.encode(), "track")
    consumer.ack([delivery])
    consumer.close()


def test_what_is_published_here_kombu_reads(cqrs: dict[str, Any], plain: kombu.Connection) -> None:
    exchange = kombu.Exchange(cqrs["exchange"], type="topic", durable=True)
    kombu.Queue("peer", exchange, routing_key="track")(plain.default_channel).declare()

    KombuTransport.produce(payload())

    queue = plain.SimpleQueue("peer")
    got = queue.get(timeout=10)
    got.ack()
    queue.close()
    assert json.loads(got.payload)["instance_data"]["name"] == "Ähm"
    assert got.delivery_info["routing_key"] == "track"


def test_meta_expiry_and_retries_are_carried(cqrs: dict[str, Any]) -> None:
    consumer = KombuTransport.consumer(["track"])
    sent = payload(meta={"a": 1}, retries=4, expires=None)

    KombuTransport.produce(sent)

    (delivery,) = receive(consumer, 1)
    body = json.loads(delivery.body)
    assert (body["meta"], body["retries"], body["expires"]) == ({"a": 1}, 4, None)
    consumer.close()


def test_direct_sync_reaches_its_queue_alone(cqrs: dict[str, Any]) -> None:
    consumer = KombuTransport.consumer(["track"])

    sync = TransportPayload(SignalType.SYNC, "track", {"id": 1}, 1, queue=cqrs["queue"])
    KombuTransport.produce(sync)

    (delivery,) = receive(consumer, 1)
    assert delivery.routing_key == f"cqrs.{cqrs['queue']}.track"
    consumer.close()


def test_prefetch_bounds_what_a_consumer_holds(cqrs: dict[str, Any], settings: Settings) -> None:
    settings.CQRS = {**cqrs, "consumer_prefetch_count": 3}
    consumer = KombuTransport.consumer(["track"])
    KombuTransport.publisher().publish(messages(range(5)), timeout_seconds=10)

    held = receive(consumer, 3)

    assert consumer.receive(max_messages=10, timeout_seconds=0.1) == []
    consumer.ack(held[:1])
    assert numbers(consumer.receive(max_messages=10, timeout_seconds=5)) == [3]
    consumer.close()


def test_default_prefetch_is_the_contracts(cqrs: dict[str, Any]) -> None:
    consumer = KombuTransport.consumer(["track"])
    KombuTransport.publisher().publish(messages(range(15)), timeout_seconds=10)

    assert len(consumer.receive(max_messages=100, timeout_seconds=5)) == 10
    consumer.close()


def test_slow_work_keeps_its_lease(settings: Settings, redis: Server) -> None:
    settings.CQRS = fresh_settings(redis.url, transport_options={"visibility_timeout": 0.6})
    slow, other = KombuTransport.consumer(["track"]), KombuTransport.consumer(["track"])
    KombuTransport.publisher().publish(messages([1]), timeout_seconds=10)
    (delivery,) = receive(slow, 1)

    assert other.receive(max_messages=1, timeout_seconds=2) == []

    slow.ack([delivery])
    slow.close()
    other.close()


def test_deaths_over_a_message_are_counted(settings: Settings, redis: Server) -> None:
    settings.CQRS = fresh_settings(redis.url, transport_options={"visibility_timeout": 0.3})
    dying = KombuTransport.consumer(["track"])
    KombuTransport.publisher().publish(messages([1]), timeout_seconds=10)
    receive(dying, 1)
    dying._mailbox.close()  # type: ignore[attr-defined]  # nothing is given back

    again = KombuTransport.consumer(["track"])
    (delivery,) = receive(again, 1, within_seconds=5)  # not ten, the default

    assert delivery.redelivered
    assert delivery.headers["x-delivery-count"] == 1
    again.close()


def test_connection_of_the_thread_is_closed_when_somebody_asks(
    settings: Settings, redis: Server
) -> None:
    settings.CQRS = fresh_settings(redis.url)

    def connected() -> set[str]:
        return {client["id"] for client in observer.client_list()}

    with contextlib.closing(Redis.from_url(redis.url)) as observer:
        before = connected()
        KombuTransport.produce(payload())
        ours = connected() - before
        assert ours

        KombuTransport.clean_connection()

        eventually(lambda: expect_equal(connected() & ours, set()))


def test_redis_that_is_away_is_an_error_that_ends_when_it_is_back(
    settings: Settings, redis: Server
) -> None:
    settings.CQRS = fresh_settings(redis.url)
    consumer, publisher = KombuTransport.consumer(["track"]), KombuTransport.publisher()
    publisher.publish(messages([1]), timeout_seconds=10)

    with away(redis.stop, redis.start):
        with pytest.raises(TransportError):
            consumer.receive(max_messages=1, timeout_seconds=1)
        with pytest.raises(TransportError):
            publisher.publish(messages([2]), timeout_seconds=10)
        with pytest.raises(BrokerUnreachableError):
            publisher.publish(messages([2]), timeout_seconds=10)
    consumer.close()

    assert publisher.publish(messages([2]), timeout_seconds=10) == [CONFIRMED]
    again = KombuTransport.consumer(["track"])
    assert numbers(receive(again, 2)) == [1, 2]
    again.close()
    publisher.close()


def test_what_is_no_envelope_is_handed_on_as_it_is(settings: Settings, tmp_path: Path) -> None:
    settings.CQRS = fresh_settings(f"filesystem://{tmp_path}")
    consumer = KombuTransport.consumer(["track"])
    (tmp_path / "messages" / f"1_x.{settings.CQRS['queue']}.msg").write_bytes(b"\xff")

    (delivery,) = receive(consumer, 1)

    assert (delivery.body, delivery.routing_key) == (b"\xff", "")
    consumer.close()


def test_files_of_half_a_message_are_not_seen(settings: Settings, tmp_path: Path) -> None:
    settings.CQRS = fresh_settings(f"filesystem://{tmp_path}")
    consumer = KombuTransport.consumer(["track"])
    KombuTransport.publisher().publish([message(1)], timeout_seconds=10)

    assert not list((tmp_path / "messages").glob(".*"))
    assert numbers(receive(consumer, 1)) == [1]
    consumer.close()


def test_unbound_model_is_routed_no_more(cqrs: dict[str, Any]) -> None:
    consumer = KombuTransport.consumer(["track"])
    publisher = KombuTransport.publisher()
    assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]

    assert KombuTransport.unbind(["track"]) == ["binding track: removed"]

    (outcome,) = publisher.publish(messages([2]), timeout_seconds=10)
    assert outcome is not CONFIRMED
    consumer.close()
    publisher.close()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"url": "sqs://key:secret@"}, "has the scheme 'sqs'; KombuTransport takes amqp"),
        ({"url": "memory://"}, "reaches no other process"),
        ({"url": "localhost"}, "has no scheme"),
        ({"url": ["redis://:secret@x", "redis://y"]}, "must be one URL for KombuTransport"),
        ({"url": "redis://user:secret@host:port/0"}, "percent-encoded"),
        ({"url": "filesystem://"}, "must name an absolute directory"),
        ({"url": "redis://x", "consumer_prefetch_count": "many"}, "must be a whole number"),
        ({"url": "redis://x", "transport_options": {"global_keyprefix": "a"}}, "not supported"),
        ({"url": "redis://x", "transport_options": "fast"}, "must be a dict"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_start(
    settings: Settings, changes: dict[str, Any], text: str
) -> None:
    settings.CQRS = {**fresh_settings(""), **changes}

    with pytest.raises(ConfigurationError, match=text) as error:
        KombuTransport.check_settings()
    assert "secret" not in str(error.value)


def test_query_that_kombu_does_not_know_is_refused(settings: Settings) -> None:
    settings.CQRS = fresh_settings("redis://127.0.0.1/0?nonsense=1")

    with pytest.raises(ConfigurationError, match="nonsense"):
        KombuTransport.consumer(["track"])


def test_redis_that_hangs_holds_up_no_save_for_long(
    settings: Settings, redis: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(redis.url) as proxy:
        settings.CQRS = fresh_settings(proxy.url, produce_timeout=1)
        KombuTransport.produce(payload())
        proxy.freeze()
        started_at = time.monotonic()

        for _ in range(10):
            KombuTransport.produce(payload())

        assert time.monotonic() - started_at < 2
        assert caplog.messages.count("CQRS couldn't be published: pk = 1 (track).") == 10
        KombuTransport.clean_connection()
