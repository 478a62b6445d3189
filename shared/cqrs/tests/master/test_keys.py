"""A key is the same key however the object holds it."""

import enum
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import connection, connections, models, transaction

from dj_cqrs.keys import MAX_KEY_LENGTH, key_text
from dj_cqrs.master.children import children_first
from dj_cqrs.master.serialization import wire_value
from tests.app.master_models import Author, Book, EveryKind, Note
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_key_given_as_text_is_recorded() -> None:
    Author(pk="1", name="x").save()
    Author(pk="1", name="y").save()
    Author(pk="1").delete()

    assert summary(take()) == [
        ("SAVE", "author", 1, 0),
        ("SAVE", "author", 1, 1),
        ("DELETE", "author", 1, 2),
    ]


def test_a_key_in_two_forms_is_one_row(author: Author) -> None:
    with transaction.atomic():
        author.save()
        Author(pk=str(author.pk), name="same").save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_a_uuid_given_as_text_is_recorded() -> None:
    key = uuid.uuid4()
    Note.objects.create(key=str(key), text="x")
    Note(key=str(key)).delete()

    assert summary(take()) == [("SAVE", "note", str(key), 0), ("DELETE", "note", str(key), 1)]


def test_a_bulk_create_with_keys_as_text_is_recorded() -> None:
    Author.cqrs.bulk_create([Author(id="78", name="x")])

    assert summary(take()) == [("SAVE", "author", 78, 0)]


def test_a_failed_save_leaves_no_trace_in_the_object_nor_in_the_marks(author: Author) -> None:
    book = Book.objects.create(title="a", author=author)
    before = dict(book.__dict__)
    book.title = None  # type: ignore[assignment]
    with pytest.raises(Exception, match=r"(?i)null"):
        book.save()

    assert book.__dict__["cqrs_revision"] == before["cqrs_revision"]
    assert connections["default"].__dict__["_cqrs_marks"].previous == {}


def test_statement_wrappers_of_others_stay_in_order(author: Author) -> None:
    def theirs(execute: Any, *arguments: Any) -> Any:
        return execute(*arguments)

    with connection.execute_wrapper(theirs):
        author.delete()
    ours = list(connection.execute_wrappers)
    with connection.execute_wrapper(theirs):
        Author.objects.create(name="x").delete()

    assert theirs not in ours
    assert connection.execute_wrappers == ours


def test_a_delete_is_recorded_though_somebody_emptied_the_list_of_wrappers(author: Author) -> None:
    other = Author.objects.create(name="other")
    other.delete()
    take()

    connection.execute_wrappers.clear()
    pk = author.pk
    author.delete()

    assert summary(take()) == [("DELETE", "author", pk, 1)]


@pytest.mark.parametrize(
    ("models_given", "expected"),
    [
        ([Author, Book], [Book, Author]),
        ([Book, Author], [Book, Author]),
        ([Note, EveryKind], [EveryKind, Note]),
    ],
)
def test_children_come_before_their_parents(
    models_given: list[type[models.Model]], expected: list[type[models.Model]]
) -> None:
    assert children_first(models_given) == expected


class Size(enum.IntEnum):
    SMALL = 1


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (ArrayField(models.IntegerField()), [1, 2], [1, 2]),
        (ArrayField(models.UUIDField()), [uuid.UUID(int=1)], [str(uuid.UUID(int=1))]),
        (models.IntegerField(), Size.SMALL, 1),
    ],
)
def test_containers_and_enums_have_the_form_of_what_they_hold(
    field: "models.Field[object, object]", value: object, expected: object
) -> None:
    field.set_attributes_from_name("value")
    instance = Author()
    instance.__dict__["value"] = value

    sent = wire_value(field, instance)
    assert sent == expected
    assert type(sent) is type(expected)


def test_a_long_key_keeps_its_beginning_and_stays_unique() -> None:
    texts = [key_text("x" * 300 + end) for end in ("a", "b")]

    assert len(set(texts)) == 2
    assert all(len(text) == MAX_KEY_LENGTH and text.startswith("xxx") for text in texts)
    assert key_text(uuid.UUID(int=1)) == str(uuid.UUID(int=1))


def test_equal_keys_have_one_text() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert key_text(Decimal("10.0")) == key_text(Decimal("1E+1")) == "10"
    assert key_text(noon.astimezone(timezone(timedelta(hours=2)))) == key_text(noon) == str(noon)
    assert key_text(datetime(2026, 1, 1)) == "2026-01-01 00:00:00"
