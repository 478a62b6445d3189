"""A delete carries the row's true revision + 1, and a used key goes on after it (G3, G5)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from dj_cqrs.outbox.models import DeletedRow
from tests.app.master_models import Author, Note
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_delete_carries_the_next_revision_and_the_key(author: Author) -> None:
    pk = author.pk
    author.delete()

    (message,) = take()
    assert message["signal_type"] == "DELETE"
    assert message["instance_data"]["id"] == message["instance_pk"] == pk
    assert message["instance_data"]["cqrs_revision"] == 1
    assert set(message["instance_data"]) == {"id", "cqrs_revision", "cqrs_updated"}


def test_a_delete_by_a_stale_object_carries_the_true_revision(author: Author) -> None:
    stale = Author.objects.get(pk=author.pk)
    for _ in range(5):
        author.save()
    take()

    stale.delete()

    assert summary(take()) == [("DELETE", "author", author.pk, 6)]


def test_a_row_created_and_deleted_in_one_transaction_was_never_there() -> None:
    with transaction.atomic():
        Author.objects.create(name="x").delete()

    assert take() == []
    assert not DeletedRow.objects.exists()


def test_a_rolled_back_delete_is_not_sent(author: Author) -> None:
    with transaction.atomic():
        try:
            with transaction.atomic():
                Author.objects.filter(pk=author.pk).delete()
                raise RuntimeError
        except RuntimeError:
            pass
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_a_queryset_delete_sends_every_row_and_reads_the_revisions_at_once() -> None:
    Note.objects.bulk_create(Note(text=str(number), cqrs_revision=number) for number in range(20))
    with CaptureQueriesContext(connection) as queries:
        Note.objects.all().delete()

    assert sorted(revision for *_, revision in summary(take())) == list(range(1, 21))
    statements = [query["sql"].split()[0] for query in queries.captured_queries]
    # The rows, what cascades, their revisions; the deletion; the outbox, the memory of the keys.
    assert [s for s in statements if s not in ("BEGIN", "COMMIT")] == [
        *["SELECT"] * 3,
        "DELETE",
        *["INSERT"] * 2,
    ]


def test_custom_delete_data_and_meta_come_from_the_users_object() -> None:
    note = Note.objects.create(text="farewell")
    take()
    with transaction.atomic():
        note.delete()

    (message,) = take()
    assert message["instance_data"]["custom"] == {"text": "farewell"}
    assert message["meta"] == {"signal": "DELETE", "text": "farewell"}


def test_a_used_key_goes_on_after_its_deletion(author: Author) -> None:
    pk = author.pk
    author.save()
    author.delete()
    take()

    again = Author.objects.create(pk=pk, name="again")

    assert again.cqrs_revision == 3
    assert summary(take()) == [("SAVE", "author", pk, 3)]
    again.save()
    assert summary(take()) == [("SAVE", "author", pk, 4)]


def test_a_row_replaced_in_one_transaction_is_one_message(author: Author) -> None:
    pk = author.pk
    with transaction.atomic():
        author.delete()
        Author.objects.create(pk=pk, name="replaced")

    (message,) = take()
    assert (message["signal_type"], message["instance_data"]["name"]) == ("SAVE", "replaced")
    assert message["instance_data"]["cqrs_revision"] == 1


def test_an_abandoned_second_life_does_not_lose_the_memory(author: Author) -> None:
    pk = author.pk
    author.delete()
    take()
    with transaction.atomic():
        Author.objects.create(pk=pk, name="short").delete()
    assert take() == []

    Author.objects.create(pk=pk, name="again")

    assert summary(take()) == [("SAVE", "author", pk, 2)]


@pytest.mark.row_locks
def test_of_two_concurrent_deletes_one_is_sent(author: Author) -> None:
    pk = author.pk
    is_locked, go_on = threading.Event(), threading.Event()

    def other() -> None:
        try:
            is_locked.wait(10)
            go_on.set()
            Author.objects.filter(pk=pk).delete()
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        deletion = pool.submit(other)
        with transaction.atomic():
            author.delete()
            is_locked.set()
            go_on.wait(10)
        deletion.result(10)

    assert summary(take()) == [("DELETE", "author", pk, 1)]


@pytest.mark.postgres
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_key_whose_deletion_a_transaction_cannot_see_is_not_used_again_unnoticed(
    author: Author, level: str
) -> None:
    """Else its row would begin at revision 0, and replicas would never take it."""

    def create_again() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            Author.objects.filter(name="the snapshot is made").exists()
            with ThreadPoolExecutor() as pool:
                pool.submit(_delete_elsewhere, pk).result(20)
            Author.objects.create(pk=pk, name="again")

    pk = author.pk
    with pytest.raises(OperationalError, match="could not serialize access"):
        create_again()
    Author.objects.create(pk=pk, name="again")

    assert summary(take()) == [("DELETE", "author", pk, 1), ("SAVE", "author", pk, 2)]
    assert not DeletedRow.objects.exists()


@pytest.mark.postgres
def test_a_new_key_leaves_nothing_behind_in_a_transaction_with_a_snapshot() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        author = Author.objects.create(name="new")

    assert summary(take()) == [("SAVE", "author", author.pk, 0)]
    assert not DeletedRow.objects.exists()


def _delete_elsewhere(pk: int) -> None:
    Author.objects.get(pk=pk).delete()
    connections.close_all()
