"""The handlers of signals can be called by hand, as users' code does for writes of its own."""

from typing import Any

import pytest
from django.core import serializers
from django.db import transaction

from dj_cqrs.signals import MasterSignals, post_bulk_create, post_update
from tests.app.master_models import Author, Silent
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_save_is_announced(author: Author) -> None:
    MasterSignals.post_save(Author, instance=author)

    assert summary(take()) == [("SAVE", "author", author.pk, 0)]


def test_a_save_of_some_fields_is_announced_only_with_its_revision(author: Author) -> None:
    MasterSignals.post_save(Author, instance=author, update_fields=["name"])
    assert take() == []

    MasterSignals.post_save(Author, instance=author, update_fields=["name", "cqrs_revision"])
    assert len(take()) == 1


def test_a_sync_is_announced_to_one_queue(author: Author) -> None:
    MasterSignals.post_save(Author, instance=author, sync=True, queue="q")

    (message,) = take()
    assert (message["signal_type"], message["routing_key"]) == ("SYNC", "cqrs.q.author")


def test_a_delete_behind_the_back_of_django_is_announced(author: Author) -> None:
    with transaction.atomic():
        Author.objects.filter(pk=author.pk)._raw_delete("default")
        MasterSignals.post_delete(Author, instance=author)

    assert summary(take()) == [("DELETE", "author", author.pk, 1)]


def test_rows_written_in_bulk_are_announced() -> None:
    rows = Author.objects.bulk_create([Author(name="x"), Author(name="y")])
    MasterSignals.post_bulk_create(Author, instances=rows)
    assert summary(take()) == [("SAVE", "author", row.pk, 0) for row in rows]

    Author.objects.update(name="z")
    MasterSignals.post_bulk_update(Author, instances=rows)
    assert summary(take()) == [("SAVE", "author", row.pk, 1) for row in rows]


def test_the_class_methods_of_the_model_send_the_signals(author: Author) -> None:
    seen: list[tuple[str, Any]] = []

    def created(sender: Any, instances: Any, using: Any, **_: Any) -> None:
        seen.append(("created", using))

    def updated(sender: Any, instances: Any, using: Any, **_: Any) -> None:
        seen.append(("updated", using))

    post_bulk_create.connect(created, sender=Author)
    post_update.connect(updated, sender=Author)
    try:
        Author.call_post_bulk_create([author])
        Author.call_post_update([author], using="default")
    finally:
        post_bulk_create.disconnect(created, sender=Author)
        post_update.disconnect(updated, sender=Author)

    assert seen == [("created", None), ("updated", "default")]


def test_a_model_that_does_not_produce_announces_nothing() -> None:
    row = Silent.objects.create(name="x")
    for handler in (MasterSignals.post_save, MasterSignals.post_delete):
        handler(Silent, instance=row)
    for handler in (MasterSignals.post_bulk_create, MasterSignals.post_bulk_update):
        handler(Silent, instances=[row])

    assert take() == []


def test_a_deserialized_object_is_saved_and_recorded_outside_a_transaction(author: Author) -> None:
    stored = serializers.serialize("json", [author])

    for each in [*serializers.deserialize("json", stored)] * 2:
        each.save()
    for each in serializers.deserialize("json", stored.replace(f": {author.pk},", ": 77,")):
        each.save()

    assert summary(take()) == [
        ("SAVE", "author", author.pk, 1),
        ("SAVE", "author", author.pk, 2),
        ("SAVE", "author", 77, 0),
    ]
