"""Bulk writes are recorded like single ones."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from dj_cqrs.signals import post_bulk_create, post_update
from local_stack.waiting import eventually
from tests.app.master_models import Author, Book
from tests.locks import assert_somebody_waits_for_a_lock
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def test_asynchronous_bulk_writes_are_recorded_too(author: Author) -> None:
    async def write() -> int:
        await Author.cqrs.abulk_create([Author(name="new")])
        return await Author.cqrs.abulk_update(Author.objects.filter(pk=author.pk), name="bulk")

    assert async_to_sync(write)() == 1

    assert [m["instance_data"]["name"] for m in take()] == ["new", "bulk"]


def test_bulk_create_with_a_failing_row_records_nothing(author: Author) -> None:
    with pytest.raises(IntegrityError):
        Author.cqrs.bulk_create([Author(name="new"), Author(pk=author.pk, name="clash")])

    assert take() == []


def test_bulk_create_refuses_rows_whose_keys_stay_unknown() -> None:
    with pytest.raises(ValueError, match="Set them first"):
        Author.cqrs.bulk_create([Author(name="x")], ignore_conflicts=True)

    assert not Author.objects.exists()


def test_a_database_that_tells_no_keys_takes_rows_that_have_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MySQL has no RETURNING; PostgreSQL, MariaDB and SQLite have it."""
    features = type(connection.features)
    monkeypatch.setattr(features, "can_return_rows_from_bulk_insert", False)

    with pytest.raises(ValueError, match=r"MySQL.*Set them first"):
        Author.cqrs.bulk_create([Author(pk=7, name="x"), Author(name="y")])
    assert not Author.objects.exists()

    Author.cqrs.bulk_create([Author(pk=7, name="x")])
    assert summary(take()) == [("SAVE", "author", 7, 0)]


def test_a_row_whose_creation_was_ignored_is_still_saved_and_deleted(author: Author) -> None:
    with transaction.atomic():
        Author.cqrs.bulk_create([Author(pk=author.pk, name="x")], ignore_conflicts=True)
        author.save()
    assert summary(take()) == [("SAVE", "author", author.pk, 1)]
    with transaction.atomic():
        Author.cqrs.bulk_create([Author(pk=author.pk, name="x")], ignore_conflicts=True)
        Author.objects.get(pk=author.pk).delete()
    assert summary(take()) == [("DELETE", "author", author.pk, 2)]


def test_bulk_create_that_updates_conflicts_tells_new_rows_from_old(author: Author) -> None:
    rows = [Author(pk=author.pk, name="updated"), Author(pk=author.pk + 1, name="new")]
    Author.cqrs.bulk_create(rows, None, False, True, ["name"], _by("id"))

    messages = sorted(take(), key=lambda m: int(m["instance_pk"]))
    assert [revision for *_, revision in summary(messages)] == [1, 0]
    assert [m["instance_data"]["name"] for m in messages] == ["updated", "new"]


def test_a_row_that_a_bulk_create_updated_can_be_deleted_at_once(author: Author) -> None:
    with transaction.atomic():
        Author.cqrs.bulk_create(
            [Author(pk=author.pk, name="x")],
            update_conflicts=True,
            update_fields=["name"],
            unique_fields=_by("pk"),
        )
        Author.objects.get(pk=author.pk).delete()

    assert summary(take()) == [("DELETE", "author", author.pk, 1)]


def test_bulk_update_records_rows_that_no_longer_match_their_filter() -> None:
    authors = _authors(3)

    count = Author.cqrs.bulk_update(Author.objects.filter(name="1"), name="other")

    assert count == 1
    assert summary(take()) == [("SAVE", "author", authors[1].pk, 1)]


def test_bulk_update_of_nothing_is_zero() -> None:
    assert Author.cqrs.bulk_update(Author.objects.none(), name="x") == 0
    assert Book.cqrs.bulk_update(Book.objects.filter(pk=0), title="x") == 0


def test_bulk_update_and_save_in_one_transaction_are_one_message(author: Author) -> None:
    with transaction.atomic():
        author.save()
        Author.cqrs.bulk_update(Author.objects.all(), name="bulk")

    (message,) = take()
    assert message["instance_data"]["name"] == "bulk"
    assert message["instance_data"]["cqrs_revision"] == 1


def test_bulk_update_of_many_rows_does_not_cost_statements_per_row() -> None:
    _authors(100)
    with CaptureQueriesContext(connection) as queries:
        Author.cqrs.bulk_update(Author.objects.all(), name="bulk")

    assert len(take()) == 100
    assert len(queries) <= 10


def test_the_bulk_signals_are_sent_with_the_rows(author: Author) -> None:
    seen: list[Any] = []

    def receiver(sender: Any, instances: Any, **kwargs: Any) -> None:
        seen.append([row.name for row in instances])

    post_bulk_create.connect(receiver, sender=Author)
    post_update.connect(receiver, sender=Author)
    try:
        Author.cqrs.bulk_create([Author(name="new")])
        Author.cqrs.bulk_update(Author.objects.filter(name="new"), name="newer")
    finally:
        post_bulk_create.disconnect(receiver, sender=Author)
        post_update.disconnect(receiver, sender=Author)

    assert seen == [["new"], ["newer"]]


def test_rows_updated_behind_the_mixin_can_be_announced(author: Author) -> None:
    Author.objects.filter(pk=author.pk).update(name="silent")
    Author.call_post_update(Author.objects.filter(pk=author.pk))

    (message,) = take()
    assert message["instance_data"]["name"] == "silent"
    assert message["instance_data"]["cqrs_revision"] == 1


@pytest.mark.row_locks
def test_bulk_update_leaves_a_row_alone_that_changed_while_it_waited(author: Author) -> None:
    is_changed, may_commit = threading.Event(), threading.Event()

    def cancel() -> None:
        try:
            with transaction.atomic():
                Author.objects.filter(pk=author.pk).update(name="cancelled")
                is_changed.set()
                may_commit.wait(10)
        finally:
            connections.close_all()

    def update() -> int:
        try:
            is_changed.wait(10)
            return Author.cqrs.bulk_update(Author.objects.filter(name="Lem"), name="done")
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        cancelling, updating = pool.submit(cancel), pool.submit(update)
        eventually(assert_somebody_waits_for_a_lock, within_seconds=10)
        may_commit.set()
        cancelling.result(10)
        assert updating.result(10) == 0

    author.refresh_from_db()
    assert author.name == "cancelled"
    assert take() == []


def test_rows_announced_twice_raise_their_revision_once(author: Author) -> None:
    with transaction.atomic():
        author.save()
        Author.call_post_update([author])

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def _authors(count: int) -> list[Author]:
    authors = Author.cqrs.bulk_create(Author(name=str(number)) for number in range(count))
    take()
    return authors


def _by(name: str) -> list[str] | None:
    """The field that an upsert goes by, where the database can be told."""
    return [name] if connection.features.supports_update_conflicts_with_target else None


@pytest.mark.row_locks
def test_an_upsert_of_a_row_that_somebody_is_inserting_is_an_update_of_it() -> None:
    is_inserted, may_commit = threading.Event(), threading.Event()

    def insert() -> None:
        with transaction.atomic():
            Author.objects.create(pk=7, name="first")
            is_inserted.set()
            assert may_commit.wait(20)
        connections.close_all()

    def upsert() -> None:
        rows = [Author(pk=7, name="second"), Author(pk=8, name="new")]
        Author.cqrs.bulk_create(rows, None, False, True, ["name", "cqrs_revision"], _by("id"))
        connections.close_all()

    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(insert)]
        assert is_inserted.wait(20)
        futures.append(pool.submit(upsert))
        eventually(assert_somebody_waits_for_a_lock)
        may_commit.set()
        for future in futures:
            future.result(20)

    messages = take()
    assert sorted(summary(messages)) == [
        ("SAVE", "author", 7, 0),
        ("SAVE", "author", 7, 1),
        ("SAVE", "author", 8, 0),
    ]
    assert {m["instance_data"]["name"] for m in messages} == {"first", "second", "new"}
    assert dict(Author.objects.values_list("pk", "cqrs_revision")) == {7: 1, 8: 0}
