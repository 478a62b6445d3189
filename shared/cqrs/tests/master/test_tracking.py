"""Previous values of tracked fields, as objects and payloads tell them."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from dj_cqrs.constants import FIELDS_TRACKER_FIELD_NAME
from dj_cqrs.tracker import CQRSTracker
from tests.app.master_models import Author, Book, Branch
from tests.master.outbox_reader import take

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def book(author: Author) -> Book:
    book = Book.objects.create(title="a", author=author, price=1)
    take()
    return book


def test_an_object_tells_its_last_change_at_once_and_after_the_commit(book: Book) -> None:
    with transaction.atomic():
        book.title = "b"
        book.save()
        assert book.get_tracked_fields_data() == {"title": "a"}
        book.price = F("price") + 1
        book.save()
        assert set(book.get_tracked_fields_data() or {}) == {"title", "price"}

    assert set(book.get_tracked_fields_data() or {}) == {"title", "price"}


def test_hooks_may_ask_what_changes(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A common use: send a row only when a certain field has changed."""
    monkeypatch.setattr(
        Book, "is_sync_instance", lambda self: "price" in (self.get_tracked_fields_data() or {})
    )
    book.title = "b"
    book.save()
    assert take() == []

    book.price = Decimal(2)
    book.save()
    assert [list(m["previous_data"]) for m in take()] == [["price"]]


def test_all_fields_can_be_tracked_but_the_key_and_the_time() -> None:
    branch = Branch.objects.create(name="a")
    branch.name = "b"
    branch.save()

    created, updated = (message["previous_data"] for message in take())
    assert created == {"name": None, "cqrs_revision": None}
    assert updated == {"name": "a", "cqrs_revision": 0}


def test_nothing_is_said_of_changes_that_were_only_announced(book: Book) -> None:
    Book.objects.update(title="b")
    Book.call_post_update([book])

    assert [message["previous_data"] for message in take()] == [None]


def test_the_tracker_of_an_object_compares_it_with_its_row(book: Book) -> None:
    tracker = _tracker(book)
    assert tracker.changed() == {}

    book.title = "b"

    assert tracker.changed() == {"title": "a"}
    assert tracker.has_changed("title")
    assert not tracker.has_changed("price")
    assert tracker.previous("title") == "a"


def test_the_tracker_is_not_fooled_by_a_rollback(book: Book) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        book.title = "b"
        book.save()
        raise RuntimeError

    assert _tracker(book).changed() == {"title": "a"}


def test_the_tracker_of_a_new_object_names_what_it_sets(author: Author) -> None:
    new = Book(title="x", author=author)

    assert _tracker(new).changed() == {"title": None, "author": None, "price": None}
    assert _tracker(new).previous("title") is None


def test_the_tracker_of_a_row_that_is_gone_names_what_would_be_created(book: Book) -> None:
    Book.objects.filter(pk=book.pk).delete()

    assert _tracker(book).changed() == {"title": None, "author": None, "price": None}


def test_what_a_save_would_change_can_be_kept(book: Book) -> None:
    book.title = "b"
    book.save_tracked_fields()

    assert book.get_tracked_fields_data() == {"title": "a"}


def test_models_that_track_nothing_have_no_tracker(author: Author) -> None:
    assert isinstance(getattr(Book, FIELDS_TRACKER_FIELD_NAME), CQRSTracker)
    assert not hasattr(Author, FIELDS_TRACKER_FIELD_NAME)
    assert author.get_tracked_fields_data() is None


def _tracker(instance: Any) -> Any:
    return getattr(instance, FIELDS_TRACKER_FIELD_NAME)
