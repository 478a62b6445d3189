"""Bulk writes and syncs are recorded like single ones."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db import connection, connections, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from dj_cqrs.signals import post_bulk_create, post_update
from local_stack.waiting import eventually
from tests.app.master_models import Author, Book, Note, Publisher
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def _authors(count: int) -> list[Author]:
    authors = Author.cqrs.bulk_create(Author(name=str(number)) for number in range(count))
    take()
    return authors


def test_bulk_create_records_every_row_of_a_generator() -> None:
    created = Author.cqrs.bulk_create((Author(name=str(number)) for number in range(3)), 2)

    assert summary(take()) == [("SAVE", "author", row.pk, 0) for row in created]
    assert [author.cqrs_revision for author in created] == [0, 0, 0]


def test_bulk_create_with_a_failing_row_records_nothing(author: Author) -> None:
    with pytest.raises(Exception, match="author"):
        Author.cqrs.bulk_create([Author(name="new"), Author(pk=author.pk, name="clash")])

    assert take() == []


def test_bulk_create_refuses_rows_whose_keys_stay_unknown() -> None:
    with pytest.raises(ValueError, match="Set them first"):
        Author.cqrs.bulk_create([Author(name="x")], ignore_conflicts=True)

    assert not Author.objects.exists()


def test_bulk_create_that_ignores_conflicts_sends_new_rows_only(author: Author) -> None:
    Author.cqrs.bulk_create(
        [Author(pk=author.pk, name="x"), Author(pk=10**6, name="new")], ignore_conflicts=True
    )

    assert summary(take()) == [("SAVE", "author", 10**6, 0)]


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
    Author.cqrs.bulk_create(rows, None, False, True, ["name"], ["id"])

    messages = sorted(take(), key=lambda m: int(m["instance_pk"]))
    assert [revision for *_, revision in summary(messages)] == [1, 0]
    assert [m["instance_data"]["name"] for m in messages] == ["updated", "new"]


def test_a_row_that_a_bulk_create_updated_can_be_deleted_at_once(author: Author) -> None:
    with transaction.atomic():
        Author.cqrs.bulk_create(
            [Author(pk=author.pk, name="x")],
            update_conflicts=True,
            update_fields=["name"],
            unique_fields=["pk"],
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


def test_tracked_fields_of_a_bulk_update_carry_the_previous_values(author: Author) -> None:
    Book.objects.create(title="a", author=author, price=Decimal("9.5"))
    take()
    Book.cqrs.bulk_update(Book.objects.all(), price=F("price") * 2)

    (message,) = take()
    assert [str(value.text) for value in message["previous_data"].values()] == [
        "9.500000000000000000"
    ]
    assert message["instance_data"]["price"] == 19


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


def test_previous_values_are_those_before_the_transaction(author: Author) -> None:
    book = Book.objects.create(title="a", author=author, price=1)
    (created,) = take()
    assert created["previous_data"] == {"title": None, "author": None, "price": None}
    stale = Book.objects.get(pk=book.pk)
    book.title = "b"
    book.save()
    take()

    with transaction.atomic():
        stale.title = "c"
        stale.save()
        stale.title = "d"
        stale.save()

    (message,) = take()
    assert message["previous_data"] == {"title": "b"}
    assert stale.get_tracked_fields_data() == {"title": "b"}


def test_previous_values_survive_a_rollback(author: Author) -> None:
    book = Book.objects.create(title="a", author=author)
    take()
    with pytest.raises(RuntimeError), transaction.atomic():
        book.title = "b"
        book.save()
        raise RuntimeError
    book.save()

    (message,) = take()
    assert message["previous_data"] == {"title": "a"}


def test_saving_a_related_row_sends_the_rows_that_embed_it(author: Author) -> None:
    books = [Book.objects.create(title=str(number), author=author) for number in range(2)]
    take()
    with transaction.atomic():
        books[0].title = "own change"
        books[0].save()
        author.name = "Stanisław"
        author.save()

    messages = [m for m in take() if m["cqrs_id"] == "book"]
    assert [m["instance_data"]["author"]["name"] for m in messages] == ["Stanisław"] * 2
    assert [m["instance_data"]["cqrs_revision"] for m in messages] == [1, 1]
    assert [m["previous_data"] for m in messages] == [{"title": "0"}, {}]


def test_a_related_row_that_is_no_master_is_followed_too(author: Author) -> None:
    publisher = Publisher.objects.create(name="old")
    book = Book.objects.create(title="a", author=author, publisher=publisher)
    take()
    publisher.name = "new"
    publisher.save()

    (message,) = take()
    assert message["instance_pk"] == book.pk
    assert message["instance_data"]["publisher"] == "new"


def test_a_bulk_update_of_related_rows_sends_the_rows_that_embed_them(author: Author) -> None:
    Book.objects.create(title="a", author=author)
    take()
    Author.cqrs.bulk_update(Author.objects.all(), name="bulk")

    assert [m["instance_data"]["author"]["name"] for m in take() if m["cqrs_id"] == "book"] == [
        "bulk"
    ]


def test_a_rolled_back_related_row_touches_nothing(author: Author) -> None:
    Book.objects.create(title="a", author=author)
    take()
    with transaction.atomic():
        try:
            with transaction.atomic():
                author.save()
                raise RuntimeError
        except RuntimeError:
            pass

    assert take() == []


@pytest.mark.postgres
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
        eventually(_somebody_waits_for_a_lock, within_seconds=10)
        may_commit.set()
        cancelling.result(10)
        assert updating.result(10) == 0

    author.refresh_from_db()
    assert author.name == "cancelled"
    assert take() == []


@pytest.mark.postgres
def test_a_row_created_while_its_parent_is_renamed_ends_with_the_new_name(author: Author) -> None:
    is_renamed, may_commit = threading.Event(), threading.Event()

    def rename() -> None:
        try:
            with transaction.atomic():
                row = Author.objects.get(pk=author.pk)
                row.name = "new"
                row.save()
                is_renamed.set()
                may_commit.wait(10)
        finally:
            connections.close_all()

    def create() -> None:
        try:
            is_renamed.wait(10)
            Book.objects.create(title="a", author_id=author.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        renaming, creating = pool.submit(rename), pool.submit(create)
        eventually(_somebody_waits_for_a_lock, within_seconds=10)
        may_commit.set()
        renaming.result(10)
        creating.result(10)

    books = [m["instance_data"] for m in take() if m["cqrs_id"] == "book"]
    assert max(books, key=lambda b: b["cqrs_revision"])["author"]["name"] == "new"


def _somebody_waits_for_a_lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert cursor.fetchone() != (0,)


@pytest.mark.postgres
def test_two_related_rows_of_the_same_rows_can_be_saved_at_once(author: Author) -> None:
    publisher = Publisher.objects.create(name="old")
    Book.cqrs.bulk_create(
        Book(title=str(number), author=author, publisher=publisher) for number in range(50)
    )
    take()

    def save_often(row: Any) -> None:
        try:
            for _ in range(20):
                row.save()
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        for saving in [pool.submit(save_often, row) for row in (author, publisher)]:
            saving.result(60)

    messages = [m for m in take() if m["cqrs_id"] == "book"]
    assert {m["instance_data"]["cqrs_revision"] for m in messages} == set(range(1, 41))


def test_a_sync_sends_the_state_without_a_new_revision(author: Author) -> None:
    author.save()
    take()

    assert author.cqrs_sync() is True
    assert author.cqrs_sync(queue="other") is True

    everywhere, direct = take()
    assert everywhere["signal_type"] == direct["signal_type"] == "SYNC"
    assert (everywhere["routing_key"], direct["routing_key"]) == (
        "author",
        "cqrs.other.author",
    )
    assert everywhere["instance_data"]["cqrs_revision"] == 1


def test_a_sync_of_a_row_that_is_not_there_is_refused(author: Author) -> None:
    assert Author(name="new").cqrs_sync() is False
    Author.objects.filter(pk=author.pk).delete()
    take()
    assert author.cqrs_sync() is False
    assert take() == []


def test_a_sync_beside_a_save_is_the_save_alone(author: Author) -> None:
    with transaction.atomic():
        author.cqrs_sync()
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_a_sync_of_rows_that_the_transaction_changes_again_has_the_last_word(
    author: Author,
) -> None:
    with transaction.atomic():
        author.name = "first"
        author.save()
        call_command("cqrs_sync", cqrs_id="author", filter="{}", stdout=StringIO())
        author.name = "last"
        author.save()

    (message,) = take()
    assert (message["signal_type"], message["instance_data"]["name"]) == ("SAVE", "last")


def test_rows_announced_twice_raise_their_revision_once(author: Author) -> None:
    with transaction.atomic():
        author.save()
        Author.call_post_update([author])

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_the_command_syncs_what_the_filter_matches_in_batches() -> None:
    _authors(25)
    output = StringIO()

    arguments = {"filter": '{"name__gte": "1"}', "batch": 10}
    call_command("cqrs_sync", cqrs_id="author", stdout=output, **arguments)

    messages = take()
    assert len(messages) == 24
    assert {m["signal_type"] for m in messages} == {"SYNC"}
    assert "24 instance(s) synced.\n24 instance(s) processed." in output.getvalue()


def test_the_command_counts_only_what_it_sent() -> None:
    Note.cqrs.bulk_create([Note(text="a"), Note(text="b", is_public=False)])
    take()
    output = StringIO()
    call_command("cqrs_sync", cqrs_id="note", filter="{}", batch=1, queue="q", stdout=output)

    assert [m["routing_key"] for m in take()] == ["cqrs.q.note"]
    assert "1 instance(s) synced.\n2 instance(s) processed." in output.getvalue()


@pytest.mark.parametrize(
    ("cqrs_id", "text", "problem"),
    [
        ("nobody", "{}", "Wrong CQRS ID: nobody!"),
        ("author", "[1]", "Bad filter kwargs!"),
        ("author", "{", "Bad filter kwargs!"),
        ("author", '{"colour": 1}', "Bad filter kwargs! .*colour"),
        ("note", '{"key": "no uuid"}', "Bad filter kwargs!"),
    ],
)
def test_the_command_explains_bad_arguments(cqrs_id: str, text: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("cqrs_sync", cqrs_id=cqrs_id, filter=text)


def test_the_command_without_a_filter_syncs_nothing() -> None:
    _authors(1)
    output = StringIO()
    call_command("cqrs_sync", cqrs_id="author", stdout=output)

    assert output.getvalue() == "No objects found for filter!\n"
    assert take() == []


@pytest.fixture
def fixture_file(tmp_path: Path, author: Author) -> str:
    path = tmp_path / "authors.json"
    path.write_text(serialize("json", [author]))
    return str(path)


def test_a_loaded_fixture_is_recorded_and_never_sets_a_revision_back(
    author: Author, fixture_file: str
) -> None:
    for _ in range(3):
        author.save()
    take()

    call_command("loaddata", fixture_file, verbosity=0)

    (message,) = take()
    assert message["instance_data"]["name"] == "Lem"
    assert message["instance_data"]["cqrs_revision"] == 4


def test_a_fixture_loaded_twice_in_one_transaction_raises_the_revision_once(
    author: Author, fixture_file: str
) -> None:
    with transaction.atomic():
        call_command("loaddata", fixture_file, fixture_file, verbosity=0)

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]
