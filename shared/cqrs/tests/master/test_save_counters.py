"""Objects know how often they were saved in the running transaction; rollbacks cost no trust."""

import pytest
from django.db import transaction

from tests.app.master_models import Author, Silent
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


def test_saves_are_counted_within_their_transaction(author: Author) -> None:
    with transaction.atomic():
        assert (author.cqrs_saves_count, author.is_initial_cqrs_save) == (0, True)
        author.save()
        assert (author.cqrs_saves_count, author.is_initial_cqrs_save) == (1, True)
        author.save()
        assert (author.cqrs_saves_count, author.is_initial_cqrs_save) == (2, False)

    assert (author.cqrs_saves_count, author.is_initial_cqrs_save) == (0, True)


def test_outside_of_a_transaction_the_count_stays_zero(author: Author) -> None:
    for _ in range(2):
        author.save()
        assert author.cqrs_saves_count == 0


def test_a_new_object_counts_from_its_creation() -> None:
    author = Author(name="new")
    assert author.cqrs_saves_count == 0
    with transaction.atomic():
        author.save()
        assert author.cqrs_saves_count == 1


def test_saves_that_are_not_sent_count_too(author: Author) -> None:
    silent = Silent(name="x")
    with transaction.atomic():
        author.save(update_fields=["name"], update_cqrs_fields=False)
        silent.save()
        assert (author.cqrs_saves_count, silent.cqrs_saves_count) == (1, 1)

    assert take() == []


def test_other_objects_of_the_same_row_have_counts_of_their_own(author: Author) -> None:
    other = Author.objects.get(pk=author.pk)
    with transaction.atomic():
        author.save()
        assert other.cqrs_saves_count == 0


def test_a_rolled_back_savepoint_takes_its_saves_out_of_the_count(author: Author) -> None:
    with transaction.atomic():
        author.save()
        with pytest.raises(RuntimeError), transaction.atomic():
            author.save()
            raise RuntimeError
        assert author.cqrs_saves_count == 1


def test_a_rolled_back_transaction_leaves_nothing_to_the_next(author: Author) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        author.save()
        raise RuntimeError
    with transaction.atomic():
        assert author.cqrs_saves_count == 0
        author.save()
        assert author.is_initial_cqrs_save

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_a_reset_starts_anew_and_changes_nothing_else(author: Author) -> None:
    author.reset_cqrs_saves_count()
    with transaction.atomic():
        author.save()
        author.save()
        author.reset_cqrs_saves_count()
        assert author.cqrs_saves_count == 0
        author.save()
        assert author.cqrs_saves_count == 1

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_each_database_has_counts_of_its_own(author: Author) -> None:
    there = Author.objects.using("second").create(name="there")
    with transaction.atomic(using="second"):
        there.save()
        author.save()
        assert (there.cqrs_saves_count, author.cqrs_saves_count) == (1, 0)
