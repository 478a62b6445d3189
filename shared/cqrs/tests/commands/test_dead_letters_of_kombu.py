"""``cqrs_dead_letters`` on Redis and in a directory, where django-cqrs has no such command."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.transport import KombuTransport
from dj_cqrs.transport.base import OutgoingMessage
from local_stack.ports import free_ports
from tests.app.replica_models import Item, Notifier
from tests.commands.conftest import Run, parsed
from tests.commands.letters import (
    LONG_AGO,
    Status,
    letter,
    notification,
    poison,
    recent,
    states,
    work,
)
from tests.transport.kombu_settings import fresh_settings
from tests.transport.messages import CONFIRMED, receive

pytestmark = pytest.mark.django_db(transaction=True)

Die = Callable[..., None]


@pytest.fixture(params=[pytest.param("redis", marks=pytest.mark.broker), "filesystem"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of each broker that is none of AMQP's."""
    if request.param == "filesystem":
        return f"filesystem://{tmp_path}/broker"
    address: str = request.getfixturevalue("redis").url
    return address


@pytest.fixture
def kombu_cqrs(settings: Settings, url: str) -> dict[str, Any]:
    """``settings.CQRS`` with a fresh exchange and queue."""
    settings.CQRS = {**settings.CQRS, **fresh_settings(url)}
    Notifier.received.clear()
    made: dict[str, Any] = settings.CQRS
    return made


@pytest.fixture
def die(kombu_cqrs: dict[str, Any]) -> Die:
    """Has messages come to this service's queue, and given up by a consumer."""

    def die(*raws: RawMessage) -> None:
        consumer, publisher = KombuTransport.consumer(), KombuTransport.publisher()
        bound = next(iter(ReplicaRegistry.models))
        for number, raw in enumerate(raws):
            sent = OutgoingMessage(str(number), bound, raw.body, raw.headers)
            assert publisher.publish([sent], timeout_seconds=10) == [CONFIRMED]
            (delivery,) = receive(consumer, 1)
            consumer.dead_letter(delivery, cqrs_id=None, body=raw.body, reason="no")
        publisher.close()
        consumer.close()

    return die


def keys_of(lines: list[str]) -> list[Any]:
    return [body["instance_pk"] for body in map(json.loads, lines)]


@pytest.mark.usefixtures("without_inbox")
def test_a_dump_shows_letters_and_their_reasons_and_takes_none(run: Run, die: Die) -> None:
    die(notification(1), notification(2))

    for _ in range(2):
        out, err = run("cqrs_dead_letters", "dump")
        assert keys_of(out) == [1, 2]
        assert out[0].encode() == notification(1).body
        assert err == ["notifier 1: no", "notifier 2: no"]


@pytest.mark.usefixtures("without_inbox")
def test_a_letter_is_retried_with_all_its_attempts_and_handled_by_a_worker(
    run: Run, die: Die
) -> None:
    dead = notification(1, name="a", expires=LONG_AGO)
    die(RawMessage(wire.with_values(dead.body, retries=30), dead.routing_key, dead.headers))

    out, err = run("cqrs_dead_letters", "retry")

    assert (out[:2], err) == (["Total dead letters: 1", "Retrying: 1/1"], [])
    assert run("cqrs_dead_letters", "dump") == ([], [])
    consumer = KombuTransport.consumer()
    deliveries = receive(consumer, 1)
    (body,) = parsed([deliveries[0].body.decode()])
    assert [body] == parsed(out[2:])
    assert body["retries"] == 0  # type: ignore[index]
    assert deliveries[0].headers == dead.headers
    for settlement in PlainApplier().apply(deliveries):
        settlement.settle(consumer)
    consumer.close()
    assert [data["name"] for _, data in Notifier.received] == ["a"]


@pytest.mark.usefixtures("without_inbox")
def test_a_letter_that_cannot_be_sent_stays_and_does_not_hold_up_the_others(
    run: Run, die: Die
) -> None:
    die(poison(b"nonsense"), notification(2), notification(3, cqrs_id="unknown"))

    with pytest.raises(CommandError, match="2 of 3 dead letters could not be retried"):
        run("cqrs_dead_letters", "retry")

    out, _ = run("cqrs_dead_letters", "dump")
    assert out[0] == "nonsense"
    assert keys_of(out[1:]) == [3]


@pytest.mark.usefixtures("without_inbox")
def test_letters_can_be_chosen(run: Run, die: Die) -> None:
    die(notification(1), notification(2), poison(b"nonsense"), notification(3))

    assert keys_of(run("cqrs_dead_letters", "dump", "--pk", "2")[0]) == [2]
    assert run("cqrs_dead_letters", "retry", "--pk", "1")[0][:2] == [
        "Total dead letters: 1",
        "Retrying: 1/1",
    ]
    assert run("cqrs_dead_letters", "purge", "-cid", "notifier", "--pk", "2") == (
        ["Total dead letters: 1", "Purged"],
        [],
    )
    assert run("cqrs_dead_letters", "dump")[1] == ["undecodable: no", "notifier 3: no"]


@pytest.mark.usefixtures("without_inbox")
def test_a_purge_takes_all_letters_and_nothing_else(run: Run, die: Die) -> None:
    die(notification(1), notification(2))
    publisher = KombuTransport.publisher()
    sent = OutgoingMessage("", "notifier", notification(3).body)
    assert publisher.publish([sent], timeout_seconds=10) == [CONFIRMED]
    publisher.close()

    assert run("cqrs_dead_letters", "purge") == (["Total dead letters: 2", "Purged"], [])

    assert run("cqrs_dead_letters", "dump") == ([], [])
    consumer = KombuTransport.consumer()
    assert [each.body for each in receive(consumer, 1)] == [sent.body]
    consumer.close()


class Head(StringIO):
    """Reads one line, then no more, like the program of that name."""

    def write(self, text: str) -> int:
        if self.getvalue():
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.usefixtures("without_inbox")
def test_letters_are_back_after_a_dump_that_nobody_reads_to_its_end(run: Run, die: Die) -> None:
    die(notification(1), notification(2), notification(3))

    with pytest.raises(BrokenPipeError):
        call_command("cqrs_dead_letters", "dump", stdout=Head(), stderr=StringIO())

    assert keys_of(run("cqrs_dead_letters", "dump")[0]) == [1, 2, 3]


def test_with_an_inbox_letters_go_there_and_nothing_is_published(run: Run, die: Die) -> None:
    die(recent(7), poison(b"nonsense"))
    letter(8)

    assert len(run("cqrs_dead_letters", "dump")[0]) == 3
    out, err = run("cqrs_dead_letters", "retry")

    assert (out[0], out[5], err) == ("Total dead letters: 3", "Retrying: 3/3", [])
    work()
    assert set(Item.objects.values_list("pk", flat=True)) == {7, 8}
    left = ParkedMessage.objects.get()
    assert (left.status, bytes(left.body)) == (Status.DEAD, b"nonsense")
    consumer = KombuTransport.consumer()
    assert not consumer.receive(max_messages=1, timeout_seconds=0.2)
    consumer.close()
    assert run("cqrs_dead_letters", "purge")[0] == ["Total dead letters: 1", "Purged"]
    assert run("cqrs_dead_letters", "dump") == ([], [])


def test_the_inbox_is_worked_on_while_the_broker_is_away(
    run: Run, settings: Settings, kombu_cqrs: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    is_redis = kombu_cqrs["url"].startswith("redis")
    nowhere = f"redis://127.0.0.1:{port}/0" if is_redis else "filesystem:///proc/nowhere"
    settings.CQRS = {**kombu_cqrs, "url": nowhere}
    letter()

    with pytest.raises(CommandError, match="Only the inbox's dead letters: The broker at"):
        run("cqrs_dead_letters", "retry")

    assert states() == [(Status.RETRYING, 0)]
