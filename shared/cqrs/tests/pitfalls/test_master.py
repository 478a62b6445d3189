"""What django-cqrs gets wrong on the master's side: W1 to W14 of the list of pitfalls."""

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, models, transaction
from django.db.models.fields.files import ImageFieldFile
from django.test.utils import CaptureQueriesContext

from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.master.serialization import wire_value
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.transport.memory import MemoryPublisher
from dj_cqrs.transport.memory_broker import MemoryBroker
from dj_cqrs.utils import bulk_relate_cqrs_serialization
from local_stack.waiting import eventually
from tests.app.master_models import Attachment, Author, Book, Branch, EveryKind, Note
from tests.app.replica_models import EveryField, WithFile
from tests.locks import assert_somebody_waits_for_a_lock
from tests.master.outbox_reader import summary, take
from tests.replication import replicate

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])

ROOT = Path(__file__).resolve().parents[2]


class OopsError(Exception):
    """Raised to roll a block back."""


# W1: an earlier save() of the same transaction loses the change


def test_w1_a_partial_save_that_is_not_sent_does_not_lose_the_full_one(author: Author) -> None:
    with transaction.atomic():
        author.name = "partial"
        author.save(update_fields=["name"], update_cqrs_fields=False)
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_w1_a_save_in_a_rolled_back_savepoint_does_not_lose_the_next(author: Author) -> None:
    with transaction.atomic():
        with pytest.raises(OopsError), transaction.atomic():
            author.name = "never"
            author.save()
            raise OopsError
        author.name = "kept"
        author.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "kept"
    assert message["instance_data"]["cqrs_revision"] == 1


def test_w1_an_object_of_a_rolled_back_transaction_is_sent_by_the_next(author: Author) -> None:
    with pytest.raises(OopsError), transaction.atomic():
        author.save()
        raise OopsError
    with transaction.atomic():
        author.name = "second try"
        author.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "second try"
    assert message["instance_data"]["cqrs_revision"] == 1


def test_w1_a_row_that_becomes_public_in_the_second_save_is_sent() -> None:
    note = Note.objects.create(text="x", is_public=False)
    with transaction.atomic():
        note.save()
        note.is_public = True
        note.save()

    assert [m["instance_data"]["cqrs_revision"] for m in take()] == [1]


def test_w1_direct_mode_loses_none_of_them_either(produced: list[TransportPayload]) -> None:
    author = Author.objects.create(name="Lem")
    produced.clear()
    with transaction.atomic():
        author.save(update_fields=["name"])
        author.save()
    with transaction.atomic():
        with pytest.raises(OopsError), transaction.atomic():
            author.save()
            raise OopsError
        author.save()
    with pytest.raises(OopsError), transaction.atomic():
        author.save()
        raise OopsError
    with transaction.atomic():
        author.save()

    assert [payload.instance_data["cqrs_revision"] for payload in produced] == [1, 2, 3]


# W2: two states of one row under the same revision


def test_w2_two_objects_of_one_row_are_one_message_with_the_last_state(author: Author) -> None:
    other = Author.objects.get(pk=author.pk)
    with transaction.atomic():
        author.name = "first"
        author.save()
        other.name = "second"
        other.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "second"
    assert message["instance_data"]["cqrs_revision"] == 1
    assert (author.cqrs_revision, other.cqrs_revision) == (1, 1)


@pytest.mark.row_locks
def test_w2_a_save_during_the_serialization_of_another_has_a_revision_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = EveryKind.objects.create(char="created")
    replicate()
    is_serializing, may_go_on = threading.Event(), threading.Event()

    def slow_meta(self: EveryKind, **_: Any) -> dict[str, Any]:
        if self.char == "slow":
            is_serializing.set()
            may_go_on.wait(10)
        return {}

    def save(value: str) -> None:
        try:
            mine = EveryKind.objects.get(pk=row.pk)
            mine.char = value
            mine.save()
        finally:
            connections.close_all()

    monkeypatch.setattr(EveryKind, "get_cqrs_meta", slow_meta)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(save, "slow")
        assert is_serializing.wait(10)
        quick = pool.submit(save, "quick")
        eventually(assert_somebody_waits_for_a_lock, within_seconds=10)
        may_go_on.set()
        slow.result(10)
        quick.result(10)

    replicate(reversed)
    row.refresh_from_db()
    copy = EveryField.objects.get(pk=row.pk)
    assert (copy.char, copy.cqrs_revision) == (row.char, row.cqrs_revision) == ("quick", 2)


@pytest.mark.row_locks
def test_w2_concurrent_saves_end_with_the_last_committed_state(author: Author) -> None:
    """Four threads, one row: the message with the highest revision holds what the row holds."""
    barrier = threading.Barrier(4)

    def writer(name: str) -> None:
        try:
            barrier.wait(10)
            for number in range(25):
                row: Any = Author.objects.get(pk=author.pk)
                row.name = f"{name}{number}"
                row.save()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=writer, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    messages = take()
    assert sorted(m["instance_data"]["cqrs_revision"] for m in messages) == list(range(1, 101))
    last = max(messages, key=lambda m: m["instance_data"]["cqrs_revision"])
    author.refresh_from_db()
    assert last["instance_data"]["name"] == author.name
    assert author.cqrs_revision == 100


# W3: what is in memory but not in the database


def test_w3_an_attribute_changed_after_the_save_is_not_sent(author: Author) -> None:
    with transaction.atomic():
        author.name = "saved"
        author.save()
        author.name = "NOT SAVED"

    assert [m["instance_data"]["name"] for m in take()] == ["saved"]


# W4: between the commit and the broker


_DIES_AFTER_ITS_COMMIT = """
import json, os, signal
import django
from django.conf import settings
settings.DATABASES["default"].update(json.loads(os.environ["DATABASE"]))
django.setup()
from django.db import transaction
from tests.app.master_models import Author
with transaction.atomic():
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    Author.objects.create(name="Lem")
"""


def test_w4_a_process_killed_right_after_its_commit_has_lost_nothing() -> None:
    keys = ("NAME", "HOST", "PORT", "USER", "PASSWORD")
    database = {key: connection.settings_dict[key] for key in keys}
    process = subprocess.run(
        [sys.executable, "-c", _DIES_AFTER_ITS_COMMIT],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE": json.dumps(database),
        },
        check=False,
    )

    assert process.returncode == -signal.SIGKILL
    assert summary(take()) == [("SAVE", "author", Author.objects.get().pk, 0)]


def test_w4_a_save_while_the_broker_is_away_arrives_when_it_is_back() -> None:
    author = Author.objects.create(name="Lem")
    broker = MemoryBroker()
    broker.bind("q", "author")
    broker.set_reachable(False)
    relay = Relay(MemoryPublisher(broker), using="default", batch_size=10)
    relay.relay_batch()
    assert OutboxMessage.objects.exists()

    broker.set_reachable(True)
    OutboxMessage.objects.update(due_at=None)
    relay.relay_batch()

    (message,) = broker.take("q", 10, 0)
    assert json.loads(message.body)["instance_pk"] == author.pk
    assert not OutboxMessage.objects.exists()


# W5: published is not the same as received


def test_w5_what_was_sent_before_the_replicas_first_start_arrives_after_it(
    author: Author,
) -> None:
    author.save()
    broker = MemoryBroker()
    relay = Relay(MemoryPublisher(broker), using="default", batch_size=10)
    relay.relay_batch()
    assert OutboxMessage.objects.get().is_unroutable

    broker.bind("q", "author")
    OutboxMessage.objects.update(due_at=None)
    relay.relay_batch()

    assert len(broker.take("q", 10, 0)) == 1
    assert not OutboxMessage.objects.exists()


# W6: errors that escape into the user's save()


def test_w6_a_producer_that_raises_stops_neither_the_caller_nor_the_others(
    produced: list[TransportPayload],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_at_the_second(payload: TransportPayload) -> None:
        if payload.instance_data["name"] == "2":
            raise OSError("Name or service not known")
        produced.append(payload)

    monkeypatch.setattr(producer, "produce", fail_at_the_second)
    with transaction.atomic():
        rows = [Author.objects.create(name=str(number)) for number in (1, 2, 3)]

    assert [payload.instance_data["name"] for payload in produced] == ["1", "3"]
    assert f"CQRS couldn't be published: pk = {rows[1].pk} (author)." in caplog.text


def test_w6_somebody_elses_hook_that_raises_does_not_stop_ours(
    produced: list[TransportPayload],
) -> None:
    def raise_oops() -> None:
        raise OopsError

    with pytest.raises(OopsError), transaction.atomic():
        transaction.on_commit(raise_oops)
        for number in range(3):
            Author.objects.create(name=str(number))

    assert len(produced) == Author.objects.count() == 3


def test_w6_what_cannot_be_sent_is_refused_before_the_commit_in_direct_mode_too(
    produced: list[TransportPayload], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Author, "get_cqrs_meta", lambda *_, **__: {"bad": object()})
    with pytest.raises(Exception, match="cannot be sent"):
        Author.objects.create(name="Lem")

    assert not Author.objects.exists()
    assert produced == []


# W7: values without a form on the wire


def test_w7_every_kind_of_value_arrives(author: Author) -> None:
    note = Note.objects.create(text="x")
    replicate()
    values: dict[str, Any] = {
        "time": dt.time(1, 2, 3, 4),
        "duration": dt.timedelta(days=3, microseconds=5),
        "binary": b"\x00\xff",
        "unique_id": uuid.uuid4(),
        "json": {"a": [1, None, "b"]},
        "link_id": note.pk,
    }
    master = EveryKind.objects.create(**values)

    assert replicate() == [Outcome.APPLIED]

    copy = EveryField.objects.values(*values).get(pk=master.pk)
    assert {**copy, "binary": bytes(copy["binary"])} == values


@pytest.mark.parametrize("name", ["", "uploads/a b.pdf", None])
def test_w7_files_arrive_by_their_names(name: str | None) -> None:
    master = Attachment.objects.create(file=name)

    assert replicate() == [Outcome.APPLIED]

    stored = Attachment.objects.values_list("file", flat=True).get(pk=master.pk)
    assert WithFile.objects.values_list("file", flat=True).get(pk=master.pk) == stored
    assert stored == (name or "")


@pytest.mark.parametrize("name", ["", "uploads/a b.png", None])
def test_w7_images_are_sent_by_their_names(name: str | None) -> None:
    field = models.ImageField(null=True)
    field.set_attributes_from_name("image")
    instance = Attachment()
    instance.__dict__["image"] = ImageFieldFile(instance, field, name)

    assert wire_value(field, instance) == name


def test_w7_rows_with_a_uuid_for_a_key_are_deleted() -> None:
    note = Note.objects.create(text="x")
    take()
    key = str(note.pk)
    note.delete()

    (message,) = take()
    assert message["instance_data"]["id"] == message["instance_pk"] == key


def test_w7_decimals_keep_all_their_digits() -> None:
    value = Decimal("0.100000000000000001")
    if connection.vendor == "sqlite":
        value = Decimal("0.10000000000001")  # SQLite itself keeps fifteen
    master = EveryKind.objects.create(decimal=value)
    replicate()

    assert EveryField.objects.get(pk=master.pk).decimal == value


def test_w7_direct_mode_hands_over_what_json_holds(produced: list[TransportPayload]) -> None:
    note = Note.objects.create(text="x")
    EveryKind.objects.create(time=dt.time(1), binary=b"\x00", link=note, file="")
    key = note.pk
    note.delete()

    created, _, *_, deleted = produced
    assert (created.pk, created.to_dict()["instance_pk"]) == (key, str(key))
    assert deleted.instance_data["id"] == str(key)
    json.dumps([payload.to_dict() for payload in produced])


# W8: a delete whose revision is an expression


def test_w8_save_and_delete_in_one_transaction_are_one_delete(author: Author) -> None:
    pk = author.pk
    with transaction.atomic():
        author.save()
        author.delete()

    assert summary(take()) == [("DELETE", "author", pk, 1)]


def test_w8_a_saved_object_with_a_serializer_can_be_deleted(author: Author) -> None:
    book = Book.objects.create(title="Solaris", author=author)
    book.save()
    take()
    pk = book.pk
    book.delete()

    assert summary(take()) == [("DELETE", "book", pk, 2)]


# W9: other databases than the default one


@pytest.mark.parametrize("mode", ["outbox", "direct"])
def test_w9_a_rollback_on_another_database_sends_nothing(
    mode: str, request: pytest.FixtureRequest
) -> None:
    there = Author.objects.using("second").create(name="kept")
    take("second")
    produced = request.getfixturevalue("produced") if mode == "direct" else []
    with transaction.atomic():
        Author.objects.create(name="here")
        with pytest.raises(OopsError), transaction.atomic(using="second"):
            Author.objects.using("second").create(name="never")
            there.delete()
            raise OopsError

    assert take("second") == []
    if mode == "direct":
        assert [payload.instance_data["name"] for payload in produced] == ["here"]
    else:
        assert [m["instance_data"]["name"] for m in take()] == ["here"]


def test_w9_bulk_updates_lock_and_read_on_the_database_that_is_meant() -> None:
    Author.objects.create(pk=1, name="here")
    Author.objects.using("second").create(pk=1, name="there")
    take()
    take("second")
    with CaptureQueriesContext(connection) as queries_here:
        Author.cqrs.bulk_update(Author.objects.using("second").all(), name="bulk")

    assert [m["instance_data"]["name"] for m in take("second")] == ["bulk"]
    assert len(queries_here) == 0
    assert take() == []


def test_w9_each_database_has_a_relay_that_publishes_its_own_rows() -> None:
    Author.objects.create(name="here")
    there = Author.objects.using("second").create(pk=7, name="there")
    broker = MemoryBroker()
    broker.bind("q", "author")

    Relay(MemoryPublisher(broker), using="second", batch_size=10).relay_batch()

    assert [json.loads(message.body)["instance_pk"] for message in broker.take("q", 10, 0)] == [
        there.pk
    ]
    assert take("second") == []
    assert len(take()) == 1


# W10: writes that are silently not replicated


def test_w10_update_or_create_and_get_or_create_replicate() -> None:
    author, _ = Author.objects.update_or_create(name="Lem", defaults={"name": "Lem"})
    Author.objects.update_or_create(pk=author.pk, defaults={"name": "Stanisław"})
    Author.objects.get_or_create(name="Stanisław")
    other, _ = Author.objects.get_or_create(name="Strugatsky")

    messages = take()
    assert summary(messages) == [
        ("SAVE", "author", author.pk, 0),
        ("SAVE", "author", author.pk, 1),
        ("SAVE", "author", other.pk, 0),
    ]
    assert messages[1]["instance_data"]["name"] == "Stanisław"


def test_w10_update_or_create_replicates_in_direct_mode(produced: list[TransportPayload]) -> None:
    author = Author.objects.create(name="Lem")
    Author.objects.update_or_create(pk=author.pk, defaults={"name": "Stanisław"})
    author.save(update_fields=["name"])

    assert [(p.instance_data["name"], p.instance_data["cqrs_revision"]) for p in produced] == [
        ("Lem", 0),
        ("Stanisław", 1),
    ]


# W11: rows that are read together


def test_w11_the_second_transaction_in_one_block_sends_what_it_wrote(author: Author) -> None:
    book = Book.objects.create(title="a", author=author)
    take()
    with bulk_relate_cqrs_serialization("book"):
        for title in ("b", "c"):
            with transaction.atomic():
                book.title = title
                book.save()
            (message,) = take()
            assert message["instance_data"]["title"] == title
            assert message["instance_data"]["cqrs_revision"] == book.cqrs_revision


def test_w11_each_database_sends_its_own_rows_in_one_block() -> None:
    books = []
    for alias in ("default", "second"):
        writer = Author.objects.using(alias).create(pk=1, name=alias)
        books.append(Book.objects.using(alias).create(pk=1, title=alias, author=writer))
        take(alias)
    with (
        bulk_relate_cqrs_serialization(),
        transaction.atomic(),
        transaction.atomic(using="second"),
    ):
        for book in books:
            book.save()

    for alias in ("default", "second"):
        assert [m["instance_data"]["author"]["name"] for m in take(alias)] == [alias]


def test_w11_a_transaction_reads_its_rows_once_within_such_a_block_or_without(
    author: Author,
) -> None:
    books = [Book.objects.create(title=str(number), author=author) for number in range(5)]
    take()
    for block in (contextlib.nullcontext, bulk_relate_cqrs_serialization):
        with CaptureQueriesContext(connection) as queries, block(), transaction.atomic():
            for book in books:
                book.title += "!"
                book.save()

        assert len(take()) == 5
        assert sum("JOIN" in query["sql"] for query in queries) == 1


# W12: bulk writes


def test_w12_bulk_create_records_every_row_of_a_generator() -> None:
    created = Author.cqrs.bulk_create((Author(name=str(number)) for number in range(3)), 2)

    assert summary(take()) == [("SAVE", "author", row.pk, 0) for row in created]
    assert [author.cqrs_revision for author in created] == [0, 0, 0]


def test_w12_bulk_create_that_ignores_conflicts_sends_new_rows_only(author: Author) -> None:
    Author.cqrs.bulk_create(
        [Author(pk=author.pk, name="x"), Author(pk=10**6, name="new")], ignore_conflicts=True
    )

    assert summary(take()) == [("SAVE", "author", 10**6, 0)]


# W13: previous values


def test_w13_previous_values_survive_a_rollback(author: Author) -> None:
    book = Book.objects.create(title="a", author=author)
    take()
    with pytest.raises(OopsError), transaction.atomic():
        book.title = "b"
        book.save()
        raise OopsError
    book.save()

    (message,) = take()
    assert message["previous_data"] == {"title": "a"}


def test_w13_a_foreign_key_has_one_name_on_create_and_on_update() -> None:
    root = Branch.objects.create(name="root")
    twig = Branch.objects.create(name="twig", parent=root)
    twig.parent = None
    twig.save()

    _, created, updated = (message["previous_data"] for message in take())
    assert created == {"name": None, "parent": None, "cqrs_revision": None}
    assert updated == {"parent": str(root.pk), "cqrs_revision": 0}


# W14: the order of deletes


def test_w14_a_cascade_sends_children_before_parents(author: Author) -> None:
    books = [Book.objects.create(title=str(number), author=author) for number in range(2)]
    take()
    pks = [book.pk for book in books]
    author_pk = author.pk

    author.delete()

    messages = summary(take())
    assert sorted(messages[:2]) == [("DELETE", "book", pk, 1) for pk in pks]
    assert messages[2:] == [("DELETE", "author", author_pk, 1)]


def test_w14_a_tree_within_one_table_is_deleted_from_its_leaves() -> None:
    keys = [uuid.UUID(int=number) for number in (2, 1, 4, 3)]
    for above, key in zip([None, *keys], keys, strict=False):
        Branch.objects.create(key=key, parent_id=above)
    take()

    Branch.objects.get(pk=keys[0]).delete()

    assert [m["instance_pk"] for m in take()] == [str(key) for key in reversed(keys)]
