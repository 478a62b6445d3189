"""What a write records: the row's state, under the next revision (G2, G3)."""

from typing import Any

import pytest
from django.db.models import F

from dj_cqrs.exceptions import PermanentError
from tests.app.master_models import Author, Hidden, Note, Silent
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


def test_a_created_row_is_recorded_once_with_revision_zero() -> None:
    author = Author.objects.create(name="Lem")

    (message,) = take()

    assert message["routing_key"] == "author"
    assert message["signal_type"] == "SAVE"
    assert message["instance_pk"] == author.pk
    assert message["instance_data"] == {
        "id": author.pk,
        "name": "Lem",
        "cqrs_revision": 0,
        "cqrs_updated": str(author.cqrs_updated),
    }
    assert message["expires"] is None
    assert message["previous_data"] is None
    assert author.cqrs_revision == 0


def test_each_transaction_raises_the_revision_by_one(author: Author) -> None:
    for expected in (1, 2, 3):
        author.name = f"Lem {expected}"
        author.save()
        assert author.cqrs_revision == expected

    assert [m["instance_data"]["cqrs_revision"] for m in take()] == [1, 2, 3]


def test_an_expression_is_sent_as_the_value_that_it_had(author: Author) -> None:
    author.name = F("name")
    author.save()

    assert [m["instance_data"]["name"] for m in take()] == ["Lem"]


def test_a_stale_object_does_not_set_the_revision_back(author: Author) -> None:
    stale = Author.objects.get(pk=author.pk)
    for _ in range(3):
        author.save()
    take()

    stale.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 4)]


def test_update_fields_replicate_unless_told_otherwise(author: Author) -> None:
    author.name = "sent"
    author.save(update_fields=["name"])
    author.name = "kept at home"
    author.save(update_fields=["name"], update_cqrs_fields=False)

    (message,) = take()
    assert message["instance_data"]["name"] == "sent"
    assert message["instance_data"]["cqrs_revision"] == 1
    author.refresh_from_db()
    assert (author.name, author.cqrs_revision) == ("kept at home", 1)


def test_saving_no_fields_does_nothing(author: Author) -> None:
    author.save(update_fields=[])

    assert take() == []
    assert author.cqrs_revision == 0


def test_a_row_with_deferred_fields_is_sent_whole(author: Author) -> None:
    partial = Author.objects.only("name").get(pk=author.pk)
    partial.name = "partial"
    partial.save()

    (message,) = take()
    assert message["instance_data"]["cqrs_revision"] == 1
    assert message["instance_data"]["cqrs_updated"] != str(author.cqrs_updated)


def test_a_new_object_with_the_key_of_an_existing_row_updates_it(author: Author) -> None:
    author.save()
    take()

    Author(pk=author.pk, name="replaced").save()

    (message,) = take()
    assert message["instance_data"]["name"] == "replaced"
    assert message["instance_data"]["cqrs_revision"] == 2


def test_a_copy_of_a_row_starts_at_revision_zero(author: Author) -> None:
    author.save()
    take()
    original = author.pk
    author.pk = None
    author._state.adding = True
    author.save()

    assert author.pk != original
    assert summary(take()) == [("SAVE", "author", author.pk, 0)]


def test_saving_an_object_whose_row_is_gone_creates_it_after_the_deletion(author: Author) -> None:
    Author.objects.get(pk=author.pk).delete()
    author.save()

    assert summary(take()) == [
        ("DELETE", "author", author.pk, 1),
        ("SAVE", "author", author.pk, 2),
    ]


def test_rows_that_stay_at_home_raise_their_revision_silently() -> None:
    note = Note.objects.create(text="x", is_public=False)
    note.save()

    assert take() == []
    assert note.cqrs_revision == 1


def test_a_model_that_does_not_produce_is_silent() -> None:
    row = Silent.objects.create(name="x")
    row.save()
    row.delete()

    assert take() == []


def test_a_row_that_the_default_manager_hides_is_still_sent() -> None:
    row = Hidden.objects.create(name="x")
    row.is_deleted = True
    row.save()

    assert [m["instance_data"]["is_deleted"] for m in take()] == [False, True]


def test_only_the_chosen_fields_leave_home() -> None:
    note = Note.objects.create(text="x", secret="hush")

    (message,) = take()
    assert message["instance_data"] == {
        "key": str(note.key),
        "text": "x",
        "cqrs_revision": 0,
        "cqrs_updated": str(note.cqrs_updated),
    }
    assert message["instance_pk"] == str(note.key)
    assert message["meta"] == {"signal": "SAVE", "text": "x"}


def test_recording_that_saves_rows_without_end_is_refused(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_cqrs_meta(self: Author, **_: Any) -> dict[str, Any]:
        self.save()
        return {}

    monkeypatch.setattr(Author, "get_cqrs_meta", get_cqrs_meta)

    with pytest.raises(PermanentError, match="rows of Author saves rows"):
        author.save()

    author.refresh_from_db()
    assert author.cqrs_revision == 0
    assert take() == []
