"""Writes beside save(), and rows that are read together: W10 to W12 of the list of pitfalls."""

import contextlib

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.utils import bulk_relate_cqrs_serialization
from tests.app.master_models import Author, Book
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


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
