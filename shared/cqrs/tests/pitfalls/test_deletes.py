"""Deletes: W8 and W14 of the list of pitfalls."""

import uuid

import pytest
from django.db import transaction

from tests.app.master_models import Author, Book, Branch
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


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
