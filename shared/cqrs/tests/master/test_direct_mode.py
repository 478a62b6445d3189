"""Without an outbox the payloads are produced right after the commit.

The name of the function is the one that users' tests replace.
"""

from typing import Any

import pytest
from django.db import transaction

from dj_cqrs.dataclasses import TransportPayload
from tests.app.master_models import Author, Book

pytestmark = pytest.mark.django_db(transaction=True)


def _summary(payloads: list[TransportPayload]) -> list[tuple[Any, ...]]:
    return [(p.signal_type, p.cqrs_id, p.instance_data["cqrs_revision"]) for p in payloads]


def test_a_save_is_produced_at_its_commit(produced: list[TransportPayload]) -> None:
    with transaction.atomic():
        author = Author.objects.create(name="Lem")
        assert produced == []

    (payload,) = produced
    assert (payload.pk, payload.instance_data["name"]) == (author.pk, "Lem")
    assert payload.expires is not None


def test_a_rolled_back_save_is_not_produced(produced: list[TransportPayload]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        Author.objects.create(name="Lem")
        raise RuntimeError

    assert produced == []


def test_every_kind_of_change_is_produced(produced: list[TransportPayload]) -> None:
    author = Author.objects.create(name="Lem")
    Book.objects.create(title="Solaris", author=author)
    author.save()
    author.cqrs_sync()
    author.delete()

    assert _summary(produced) == [
        ("SAVE", "author", 0),
        ("SAVE", "book", 0),
        ("SAVE", "author", 1),
        ("SAVE", "book", 1),
        ("SYNC", "author", 1),
        ("DELETE", "book", 2),
        ("DELETE", "author", 2),
    ]


def test_update_fields_follow_the_setting(produced: list[TransportPayload], settings: Any) -> None:
    author = Author.objects.create(name="Lem")
    author.save(update_fields=["name"])
    assert len(produced) == 1
    settings.CQRS = {**settings.CQRS, "master": {"CQRS_AUTO_UPDATE_FIELDS": True}}
    author.save(update_fields=["name"])
    assert len(produced) == 2


def test_a_row_replaced_in_one_transaction_goes_on_after_the_old_one(
    author: Author, produced: list[TransportPayload]
) -> None:
    for _ in range(3):
        author.save()
    pk = author.pk
    produced.clear()
    with transaction.atomic():
        author.delete()
        Author.objects.create(pk=pk, name="replaced")

    (payload,) = produced
    assert payload.instance_data["name"] == "replaced"
    assert payload.instance_data["cqrs_revision"] == 4
