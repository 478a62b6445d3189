"""Users' own receivers of Django's signals, which save and read rows while others are deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import models, transaction
from django.dispatch import Signal

from tests.app.master_models import Author, Book
from tests.app.replica_models import AuthorCopy
from tests.master.outbox_reader import summary, take
from tests.replication import replicate

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def receiving(signal: Signal, sender: Any, receiver: Any) -> Iterator[None]:
    """Connects a receiver for the block, after those of the library."""
    signal.connect(receiver, sender=sender)
    try:
        yield
    finally:
        signal.disconnect(receiver, sender=sender)


def _save_author(instance: Any, **_: Any) -> None:
    author = Author.objects.get(pk=instance.author_id)
    author.name = "one book less"
    author.save()


def _save_authors_in_bulk(instance: Any, **_: Any) -> None:
    Author.cqrs.bulk_update(Author.objects.filter(pk=instance.author_id), name="one book less")


@pytest.mark.parametrize("receiver", [_save_author, _save_authors_in_bulk])
def test_a_parent_that_is_saved_while_its_children_cascade_is_deleted_at_its_last_revision(
    author: Author, receiver: Any
) -> None:
    Book.objects.create(title="Solaris", author=author)
    take()

    with receiving(models.signals.post_delete, Book, receiver):
        Author.objects.get(pk=author.pk).delete()

    (*_, deletion) = take()
    assert summary([deletion]) == [("DELETE", "author", author.pk, 1)]


def test_a_row_that_is_saved_right_before_its_deletion_is_deleted_at_its_last_revision(
    author: Author,
) -> None:
    pk = author.pk

    def sign(instance: Any, **_: Any) -> None:
        instance.name = "deleted by me"
        instance.save()

    with receiving(models.signals.pre_delete, Author, sign):
        author.delete()

    assert summary(take()) == [("DELETE", "author", pk, 1)]


def test_replicas_follow_a_delete_whose_receivers_save_the_row(author: Author) -> None:
    def sign(instance: Any, **_: Any) -> None:
        instance.save()

    author.save()
    replicate()
    assert AuthorCopy.objects.exists()

    with receiving(models.signals.pre_delete, Author, sign):
        author.delete()
    replicate()

    assert not AuthorCopy.objects.exists()


def test_a_deleted_row_still_tells_its_revision(author: Author) -> None:
    author.save()
    seen: list[int] = []

    def read(instance: Any, **_: Any) -> None:
        seen.append(instance.cqrs_revision)

    with receiving(models.signals.post_delete, Author, read), transaction.atomic():
        author.save()
        author.delete()

    assert seen == [2]


def test_a_delete_that_is_announced_by_hand_is_recorded_without_a_transaction_too(
    author: Author,
) -> None:
    arguments = {"sender": Author, "instance": author, "using": "default"}
    models.signals.pre_delete.send(**arguments)
    Author.objects.filter(pk=author.pk).update(name="deleted softly")
    models.signals.post_delete.send(**arguments)

    assert summary(take()) == [("DELETE", "author", author.pk, 1)]
