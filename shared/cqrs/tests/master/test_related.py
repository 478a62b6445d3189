"""Rows that payloads embed, and previous values of tracked fields."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F

from local_stack.waiting import eventually
from tests.app.master_models import Author, Book, Publisher
from tests.locks import assert_somebody_waits_for_a_lock
from tests.master.outbox_reader import take

pytestmark = pytest.mark.django_db(transaction=True)


def test_tracked_fields_of_a_bulk_update_carry_the_previous_values(author: Author) -> None:
    Book.objects.create(title="a", author=author, price=Decimal("9.5"))
    take()
    Book.cqrs.bulk_update(Book.objects.all(), price=F("price") * 2)

    (message,) = take()
    assert [str(value.text) for value in message["previous_data"].values()] == [
        "9.500000000000000000"
    ]
    assert message["instance_data"]["price"] == 19


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


def test_rows_that_are_announced_one_by_one_send_those_that_embed_them(author: Author) -> None:
    Book.objects.create(title="a", author=author)
    take()
    Author.objects.update(name="behind the back")

    Author.call_post_update(row for row in Author.objects.all())

    assert [message["cqrs_id"] for message in take()] == ["author", "book"]


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


@pytest.mark.row_locks
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
        eventually(assert_somebody_waits_for_a_lock, within_seconds=10)
        may_commit.set()
        renaming.result(10)
        creating.result(10)

    books = [m["instance_data"] for m in take() if m["cqrs_id"] == "book"]
    assert max(books, key=lambda b: b["cqrs_revision"])["author"]["name"] == "new"


@pytest.mark.row_locks
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
