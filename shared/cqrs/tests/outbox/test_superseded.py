"""Of a row that no queue hears of the outbox keeps the last state; of a deleted one, none."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dj_cqrs import wire
from dj_cqrs.outbox import retention
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome
from tests.app.master_models import Author, Capital, Country, Holiday, Note
from tests.outbox.test_relay import CONFIRMED, FAILED, UNROUTABLE, ScriptedPublisher

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "Ms Marker"


def relay(answer: Callable[[OutgoingMessage], PublishOutcome] = lambda _: UNROUTABLE) -> None:
    """Tries everything once more."""
    OutboxMessage.objects.update(due_at=None)
    Relay(ScriptedPublisher(answer), using="default", batch_size=100).relay_batch()


def kept() -> list[tuple[str, Any, str]]:
    messages = [
        (wire.decode(bytes(message.body)), message.routing_key)
        for message in OutboxMessage.objects.order_by("pk")
    ]
    return [
        (body["signal_type"], body["instance_data"]["cqrs_revision"], key)
        for body, key in messages
    ]


def has_secret() -> bool:
    return any(SECRET.encode() in bytes(each.body) for each in OutboxMessage.objects.all())


@pytest.mark.parametrize("together", [True, False])
def test_of_several_states_the_last_one_is_kept(together: bool) -> None:
    author = Author.objects.create(name=SECRET)
    other = Author.objects.create(name="other")
    for name in ("b", "c"):
        if not together:
            relay()
        author.name = name
        author.save()
    relay()
    relay()

    assert kept() == [("SAVE", 0, "author"), ("SAVE", 2, "author")]
    assert not has_secret()
    assert {message.row_pk for message in OutboxMessage.objects.all()} == {
        str(author.pk),
        str(other.pk),
    }


def test_of_a_deleted_row_only_its_deletion_is_kept() -> None:
    author = Author.objects.create(name=SECRET)
    relay()
    author.delete()
    relay()

    assert kept() == [("DELETE", 1, "author")]
    assert not has_secret()


def test_a_key_that_is_used_again_has_its_newest_state() -> None:
    Author.objects.create(pk=77, name=SECRET).delete()
    relay()
    Author.objects.create(pk=77, name="again")
    relay()

    assert kept() == [("SAVE", 2, "author")]


def test_what_was_meant_for_one_queue_alone_goes_with_its_row() -> None:
    author = Author.objects.create(name=SECRET)
    relay(lambda _: CONFIRMED)
    author.cqrs_sync(queue="nobody")
    relay()
    assert kept() == [("SYNC", 0, "cqrs.nobody.author")]

    author.delete()
    relay(lambda message: CONFIRMED if message.routing_key == "author" else UNROUTABLE)

    assert kept() == []


def test_a_sync_replaces_only_a_sync_on_the_same_way() -> None:
    """Some models take direct ones only, and all others ignore none."""
    author = Author.objects.create(name="a")
    author.cqrs_sync()
    author.cqrs_sync()
    author.cqrs_sync(queue="nobody")
    author.cqrs_sync(queue="nobody")
    author.cqrs_sync(queue="nowhere")
    relay()

    assert kept() == [
        *(("SAVE", 0, "author"), ("SYNC", 0, "author")),
        *(("SYNC", 0, "cqrs.nobody.author"), ("SYNC", 0, "cqrs.nowhere.author")),
    ]

    author.save()
    relay()
    assert kept() == [("SAVE", 1, "author")]


def test_a_sync_that_was_recorded_late_does_not_replace_a_newer_state() -> None:
    author = Author.objects.create(name="old")
    author.cqrs_sync()
    late = OutboxMessage.objects.order_by("-pk")[0]
    author.name = "new"
    author.save()
    late.pk = None
    late.save()
    relay()

    assert kept() == [("SAVE", 1, "author")]


def test_what_the_broker_refused_is_kept_whatever_comes_after_it() -> None:
    author = Author.objects.create(name="a")
    relay(lambda _: FAILED)
    author.save()
    relay(lambda _: FAILED)

    assert kept() == [("SAVE", 0, "author"), ("SAVE", 1, "author")]


def test_what_can_be_published_is_not_looked_at() -> None:
    author = Author.objects.create(name="a")
    author.save()
    with CaptureQueriesContext(connection) as queries:
        relay(lambda _: CONFIRMED)

    assert not any("deletedrow" in query["sql"] for query in queries)
    assert not OutboxMessage.objects.exists()


def test_a_queue_that_is_bound_later_gets_the_last_state() -> None:
    author = Author.objects.create(name="a")
    for name in ("b", "c"):
        author.name = name
        author.save()
    relay()
    publisher = ScriptedPublisher(lambda _: CONFIRMED)
    OutboxMessage.objects.update(due_at=None)
    Relay(publisher, using="default", batch_size=100).relay_batch()

    ((message,),) = publisher.batches
    assert wire.decode(message.body)["instance_data"]["name"] == "c"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Note.objects.create(key=uuid.uuid4(), text=SECRET),
        lambda: Country.objects.create(code="PL", name=SECRET),
        lambda: Holiday.objects.create(day="2026-01-01", name=SECRET),
        lambda: Capital.objects.create(
            country=Country.objects.create(code="IT", name="x"), name=SECRET
        ),
    ],
)
def test_keys_of_every_kind_are_known_again(make: Callable[[], Any]) -> None:
    row = make()
    row.cqrs_sync(queue="nobody")
    relay()
    row.get_custom_cqrs_delete_data = lambda: None
    row.get_cqrs_meta = lambda **_: {}
    row.delete()
    relay(lambda message: CONFIRMED if b"DELETE" in message.body else UNROUTABLE)

    assert not has_secret()


def test_keys_that_a_database_may_take_for_one_are_two() -> None:
    for code in ("PL", "pl", "Pl"):
        Country.objects.create(code=code, name=code)
    relay()
    Country.objects.get(name="PL").delete()
    relay()

    assert [kind for kind, *_ in kept()].count("SAVE") == 2


def test_a_body_that_cannot_be_read_stays() -> None:
    for body in (b"no JSON", b"[]", b'{"instance_pk": 1}'):
        OutboxMessage.objects.create(cqrs_id="author", routing_key="author", body=body)
    OutboxMessage.objects.create(cqrs_id="gone", routing_key="gone", body=b"{}")

    relay()

    assert OutboxMessage.objects.filter(is_unroutable=True, row_pk=None).count() == 4


def test_messages_from_before_the_column_learn_their_row_when_they_are_tried() -> None:
    author = Author.objects.create(name=SECRET)
    relay()
    OutboxMessage.objects.update(row_pk=None, revision=None)
    author.delete()
    relay()
    relay()

    assert not has_secret()


def test_what_no_queue_took_for_too_long_is_removed_and_counted(
    caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    for age in (91, 89, 91):
        Author.objects.create(name=str(age))
        newest = OutboxMessage.objects.order_by("-pk")[0].pk
        OutboxMessage.objects.filter(pk=newest).update(
            created_at=timezone.now() - timedelta(days=age), is_unroutable=True
        )
    OutboxMessage.objects.filter(pk=newest).update(is_unroutable=False)

    assert retention.remove_expired("default") == 1
    assert retention.remove_expired("default") == 0
    assert "CQRS messages without a queue expired: 1 of author were removed" in caplog.text
    assert OutboxMessage.objects.count() == 2

    settings.CQRS = {**settings.CQRS, "master": {"unroutable_ttl": None}}
    OutboxMessage.objects.update(is_unroutable=True, created_at=timezone.now() - timedelta(999))
    assert retention.remove_expired("default") == 0


def test_a_relay_that_is_idle_removes_them() -> None:
    Author.objects.create(name="x")
    OutboxMessage.objects.update(
        created_at=timezone.now() - timedelta(days=91),
        is_unroutable=True,
        due_at=timezone.now() + timedelta(minutes=1),
    )
    publisher = ScriptedPublisher(lambda _: UNROUTABLE)

    Relay(publisher, using="default", batch_size=100).run(lambda: len(publisher.waits) > 1)

    assert not OutboxMessage.objects.exists()
