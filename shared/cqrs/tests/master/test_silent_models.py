"""Models with ``CQRS_PRODUCE = False``: nothing of them is sent, whoever asks for it."""

import pytest
from django.db import transaction

from dj_cqrs.dataclasses import TransportPayload
from tests.app.master_models import Author, Book, Silent
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent() -> Silent:
    return Silent.objects.create(name="x")


def test_a_sync_of_a_row_that_is_not_sent_sends_nothing(silent: Silent) -> None:
    assert silent.cqrs_sync()
    assert silent.cqrs_sync(queue="shop")

    assert take() == []


def test_bulk_updates_are_not_sent(silent: Silent) -> None:
    assert Silent.cqrs.bulk_update(Silent.objects.all(), name="y") == 1

    assert take() == []
    silent.refresh_from_db()
    assert (silent.name, silent.cqrs_revision) == ("y", 1)


def test_rows_that_an_upsert_updates_are_not_sent(silent: Silent) -> None:
    Silent.cqrs.bulk_create(
        [Silent(pk=silent.pk, name="y"), Silent(pk=silent.pk + 1, name="z")],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name"],
    )

    assert take() == []
    assert sorted(Silent.objects.values_list("name", flat=True)) == ["y", "z"]


def test_rows_are_not_sent_since_they_embed_one_that_is(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book.objects.create(title="a", author=author)
    take()
    monkeypatch.setattr(Book, "CQRS_PRODUCE", False)

    author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]
    book.refresh_from_db()
    assert book.cqrs_revision == 0


def test_direct_mode_is_as_silent(silent: Silent, produced: list[TransportPayload]) -> None:
    silent.cqrs_sync()
    silent.save()
    Silent.cqrs.bulk_update(Silent.objects.all(), name="y")
    silent.delete()

    assert produced == []


def test_revisions_grow_so_that_a_diff_finds_the_row_when_its_model_produces_again(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Author, "CQRS_PRODUCE", False)
    author.save()
    with transaction.atomic():
        author.save()
        author.save()
    assert author.cqrs_revision == 2
    monkeypatch.setattr(Author, "CQRS_PRODUCE", True)

    author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 3)]
