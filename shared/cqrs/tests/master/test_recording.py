"""One message per row per transaction, with the state at its end (G2, G3)."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from dj_cqrs.exceptions import ContractError
from dj_cqrs.outbox.models import OutboxMessage
from tests.app.master_models import Author, Book, Hidden, Note, Silent
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


class OopsError(Exception):
    """Raised to roll a block back."""


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


def test_several_saves_in_one_transaction_are_one_message(author: Author) -> None:
    with transaction.atomic():
        for name in ("a", "b", "c"):
            author.name = name
            author.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "c"
    assert message["instance_data"]["cqrs_revision"] == author.cqrs_revision == 1


def test_create_and_save_in_one_transaction_stay_at_revision_zero() -> None:
    with transaction.atomic():
        author = Author.objects.create(name="a")
        author.name = "b"
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 0)]


def test_an_expression_is_sent_as_the_value_that_it_had(author: Author) -> None:
    author.name = F("name")
    author.save()

    assert [m["instance_data"]["name"] for m in take()] == ["Lem"]


def test_the_revision_can_be_read_between_save_and_commit(author: Author) -> None:
    with transaction.atomic():
        author.save()
        assert author.cqrs_revision == 1


def test_a_stale_object_does_not_set_the_revision_back(author: Author) -> None:
    stale = Author.objects.get(pk=author.pk)
    for _ in range(3):
        author.save()
    take()

    stale.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 4)]


def test_a_rolled_back_transaction_records_nothing(author: Author) -> None:
    with pytest.raises(OopsError), transaction.atomic():
        author.name = "never"
        author.save()
        raise OopsError

    assert take() == []
    author.save()
    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_a_rolled_back_savepoint_takes_its_changes_along(author: Author) -> None:
    other = Author.objects.create(name="other")
    take()
    with transaction.atomic():
        author.name = "kept"
        author.save()
        with pytest.raises(OopsError), transaction.atomic():
            other.name = "never"
            other.save()
            raise OopsError

    (message,) = take()
    assert (message["instance_pk"], message["instance_data"]["name"]) == (author.pk, "kept")


def test_a_change_before_a_rolled_back_savepoint_survives_it(author: Author) -> None:
    with transaction.atomic():
        author.name = "kept"
        author.save()
        with pytest.raises(OopsError), transaction.atomic():
            author.name = "never"
            author.save()
            raise OopsError

    (message,) = take()
    assert message["instance_data"]["name"] == "kept"
    assert message["instance_data"]["cqrs_revision"] == 1


def test_a_save_in_a_nested_block_is_recorded_at_the_outermost_commit(author: Author) -> None:
    with transaction.atomic():
        with transaction.atomic():
            author.save()
        assert not OutboxMessage.objects.exists()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


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


def test_a_failed_save_leaves_the_object_as_it_was(author: Author) -> None:
    author.save()
    take()
    author.name = None  # type: ignore[assignment]
    with pytest.raises(IntegrityError):
        author.save()

    assert author.cqrs_revision == 1
    assert take() == []


def test_an_error_that_the_caller_handles_does_not_break_the_transaction(author: Author) -> None:
    unsaved = Author(name="unsaved")
    with transaction.atomic():
        with pytest.raises(ValueError, match="unsaved related object"):
            Book(title="x", author=unsaved).save()
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_an_error_while_recording_rolls_the_change_back(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Author, "get_cqrs_meta", lambda *_, **__: {"bad": object()})
    author.name = "lost"
    with pytest.raises(ContractError, match="type object cannot be sent"):
        author.save()
    monkeypatch.undo()

    assert Author.objects.get(pk=author.pk).name == "Lem"
    assert take() == []
    assert connection.get_autocommit()
    author.save()
    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_manual_transactions_record_at_their_commit(author: Author) -> None:
    transaction.set_autocommit(False)
    try:
        author.name = "never"
        author.save()
        transaction.rollback()
        author.name = "first"
        author.save()
        transaction.commit()
        author.name = "second"
        author.save()
        transaction.commit()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)

    messages = take()
    assert [m["instance_data"]["name"] for m in messages] == ["first", "second"]
    assert [m["instance_data"]["cqrs_revision"] for m in messages] == [1, 2]


def test_a_closed_connection_forgets_its_marks(author: Author) -> None:
    with pytest.raises(OopsError), transaction.atomic():
        author.save()
        connection.close()
        raise OopsError
    author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_each_database_has_its_own_outbox() -> None:
    with transaction.atomic(using="second"), transaction.atomic():
        here = Author.objects.create(name="here")
        there = Author.objects.using("second").create(name="there")

    assert [(m["instance_pk"], m["instance_data"]["name"]) for m in take()] == [(here.pk, "here")]
    assert [(m["instance_pk"], m["instance_data"]["name"]) for m in take("second")] == [
        (there.pk, "there")
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


def test_a_row_that_vanished_without_a_signal_is_logged_and_stops_no_other(
    author: Author, caplog: pytest.LogCaptureFixture
) -> None:
    with transaction.atomic():
        author.save()
        other = Author.objects.create(name="other")
        Author.objects.filter(pk=author.pk)._raw_delete("default")

    assert summary(take()) == [("SAVE", "author", other.pk, 0)]
    assert caplog.messages == [
        (
            "Can't produce message from master model 'Author': "
            f"The instance doesn't exist (pk={author.pk})"
        )
    ]


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


def test_the_rows_of_one_transaction_cost_one_read_and_one_insert() -> None:
    rows = [Hidden.objects.create(name=str(number)) for number in range(5)]
    take()
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        for row in rows:
            row.save()

    kinds = [query["sql"].split()[0] for query in queries.captured_queries]
    assert [kind for kind in kinds if kind not in ("BEGIN", "COMMIT")] == [
        *["UPDATE"] * 5,
        "SELECT",
        "INSERT",
    ]
    assert len(take()) == 5
