"""The admin action: selected rows are sent again, and the page says what was not."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.app.master_models import Author, Book, Note
from tests.app.serializers import BookSerializer
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def _sync(client: Client, model: Any, rows: list[Any]) -> str:
    """Runs the action as an administrator does; returns what the page says then."""
    name = model._meta.model_name
    response = client.post(
        reverse(f"admin:app_{name}_changelist"),
        {"action": "sync_items", "_selected_action": [row.pk for row in rows]},
    )
    return str(next(iter(get_messages(response.wsgi_request))))


@pytest.fixture
def books(author: Author) -> list[Book]:
    books = [Book.objects.create(title=str(number), author=author) for number in range(3)]
    take()
    return books


def test_the_action_is_offered_under_the_name_of_the_rows(
    admin_client: Client, books: list[Book]
) -> None:
    page = admin_client.get(reverse("admin:app_book_changelist")).content.decode()

    assert "Synchronize selected books via CQRS" in page
    assert "Delete selected books" in page


def test_selected_rows_are_sent(admin_client: Client, books: list[Book]) -> None:
    text = _sync(admin_client, Book, books[:2])

    assert text == "2 successfully synced. 0 failed: []"
    assert sorted(summary(take())) == [("SYNC", "book", book.pk, 0) for book in books[:2]]


def test_the_page_may_change_which_rows_are_sent(
    admin_client: Client, books: list[Book], author: Author
) -> None:
    draft = Book.objects.create(title="draft", author=author)
    take()

    assert _sync(admin_client, Book, [*books, draft]).startswith("3 successfully")


def test_many_rows_do_not_cost_statements_per_row(
    admin_client: Client, author: Author, books: list[Book]
) -> None:
    with CaptureQueriesContext(connection) as few:
        _sync(admin_client, Book, books)
    more = [Book.objects.create(title=str(number), author=author) for number in range(40)]
    take()
    with CaptureQueriesContext(connection) as many:
        _sync(admin_client, Book, more)

    assert len(take()) == 40
    assert len(many) <= len(few) + 2


def test_a_row_that_cannot_be_serialized_is_named_and_stops_no_other(
    admin_client: Client, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode_at_one(self: BookSerializer) -> dict[str, Any]:
        if self._book.title == "1":
            raise ValueError("bad row")
        return {"id": self._book.pk}

    monkeypatch.setattr(BookSerializer, "data", property(explode_at_one))

    text = _sync(admin_client, Book, books)

    assert text == f"2 successfully synced. 1 failed: [{books[1]!r}]"
    assert sorted(pk for _, _, pk, _ in summary(take())) == [books[0].pk, books[2].pk]


def test_rows_that_stay_at_home_are_not_said_to_be_synced(admin_client: Client) -> None:
    rows = [Note.objects.create(text="x", is_public=is_public) for is_public in (True, False)]
    take()

    text = _sync(admin_client, Note, rows)

    assert text == (
        "1 successfully synced. 0 failed: []. 1 not sent, since is_sync_instance() is false"
    )
    assert [signal for signal, *_ in summary(take())] == ["SYNC"]


def test_a_model_with_a_sync_of_its_own_is_asked_for_each_row(
    admin_client: Client, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    def own_sync(self: Book, *_: Any, **__: Any) -> bool:
        if self.title == "2":
            raise ValueError("bad row")
        return self.title == "0"

    monkeypatch.setattr(Book, "cqrs_sync", own_sync)

    text = _sync(admin_client, Book, books)

    assert text.startswith("1 successfully synced. 2 failed: [")


def test_a_page_without_actions_stays_without(
    admin_client: Client, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin.site.get_model_admin(Book), "actions", None)
    page = admin_client.get(reverse("admin:app_book_changelist")).content.decode()

    assert "via CQRS" not in page
