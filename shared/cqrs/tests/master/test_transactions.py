"""One message per row per transaction, and none of what was rolled back (G2, G3)."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from dj_cqrs.exceptions import ContractError
from dj_cqrs.outbox.models import OutboxMessage
from tests.app.master_models import Author, Book, Hidden
from tests.master.outbox_reader import summary, take
from tests.rollback import OopsError

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


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


def test_the_revision_can_be_read_between_save_and_commit(author: Author) -> None:
    with transaction.atomic():
        author.save()
        assert author.cqrs_revision == 1


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
