"""What a transaction sends of a row, under which revision: W1 to W3 of the list of pitfalls."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from dj_cqrs.dataclasses import TransportPayload
from local_stack.waiting import eventually
from tests.app.master_models import Author, EveryKind, Note
from tests.app.replica_models import EveryField
from tests.locks import assert_somebody_waits_for_a_lock
from tests.master.outbox_reader import summary, take
from tests.replication import replicate
from tests.rollback import OopsError

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


# W1: an earlier save() of the same transaction loses the change


def test_w1_a_partial_save_that_is_not_sent_does_not_lose_the_full_one(author: Author) -> None:
    with transaction.atomic():
        author.name = "partial"
        author.save(update_fields=["name"], update_cqrs_fields=False)
        author.save()

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_w1_a_save_in_a_rolled_back_savepoint_does_not_lose_the_next(author: Author) -> None:
    with transaction.atomic():
        with pytest.raises(OopsError), transaction.atomic():
            author.name = "never"
            author.save()
            raise OopsError
        author.name = "kept"
        author.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "kept"
    assert message["instance_data"]["cqrs_revision"] == 1


def test_w1_an_object_of_a_rolled_back_transaction_is_sent_by_the_next(author: Author) -> None:
    with pytest.raises(OopsError), transaction.atomic():
        author.save()
        raise OopsError
    with transaction.atomic():
        author.name = "second try"
        author.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "second try"
    assert message["instance_data"]["cqrs_revision"] == 1


def test_w1_a_row_that_becomes_public_in_the_second_save_is_sent() -> None:
    note = Note.objects.create(text="x", is_public=False)
    with transaction.atomic():
        note.save()
        note.is_public = True
        note.save()

    assert [m["instance_data"]["cqrs_revision"] for m in take()] == [1]


def test_w1_direct_mode_loses_none_of_them_either(produced: list[TransportPayload]) -> None:
    author = Author.objects.create(name="Lem")
    produced.clear()
    with transaction.atomic():
        author.save(update_fields=["name"])
        author.save()
    with transaction.atomic():
        with pytest.raises(OopsError), transaction.atomic():
            author.save()
            raise OopsError
        author.save()
    with pytest.raises(OopsError), transaction.atomic():
        author.save()
        raise OopsError
    with transaction.atomic():
        author.save()

    assert [payload.instance_data["cqrs_revision"] for payload in produced] == [1, 2, 3]


# W2: two states of one row under the same revision


def test_w2_two_objects_of_one_row_are_one_message_with_the_last_state(author: Author) -> None:
    other = Author.objects.get(pk=author.pk)
    with transaction.atomic():
        author.name = "first"
        author.save()
        other.name = "second"
        other.save()

    (message,) = take()
    assert message["instance_data"]["name"] == "second"
    assert message["instance_data"]["cqrs_revision"] == 1
    assert (author.cqrs_revision, other.cqrs_revision) == (1, 1)


@pytest.mark.row_locks
def test_w2_a_save_during_the_serialization_of_another_has_a_revision_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = EveryKind.objects.create(char="created")
    replicate()
    is_serializing, may_go_on = threading.Event(), threading.Event()

    def slow_meta(self: EveryKind, **_: Any) -> dict[str, Any]:
        if self.char == "slow":
            is_serializing.set()
            may_go_on.wait(10)
        return {}

    def save(value: str) -> None:
        try:
            mine = EveryKind.objects.get(pk=row.pk)
            mine.char = value
            mine.save()
        finally:
            connections.close_all()

    monkeypatch.setattr(EveryKind, "get_cqrs_meta", slow_meta)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(save, "slow")
        assert is_serializing.wait(10)
        quick = pool.submit(save, "quick")
        eventually(assert_somebody_waits_for_a_lock, within_seconds=10)
        may_go_on.set()
        slow.result(10)
        quick.result(10)

    replicate(reversed)
    row.refresh_from_db()
    copy = EveryField.objects.get(pk=row.pk)
    assert (copy.char, copy.cqrs_revision) == (row.char, row.cqrs_revision) == ("quick", 2)


@pytest.mark.row_locks
def test_w2_concurrent_saves_end_with_the_last_committed_state(author: Author) -> None:
    """Four threads, one row: the message with the highest revision holds what the row holds."""
    barrier = threading.Barrier(4)

    def writer(name: str) -> None:
        try:
            barrier.wait(10)
            for number in range(25):
                row: Any = Author.objects.get(pk=author.pk)
                row.name = f"{name}{number}"
                row.save()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=writer, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    messages = take()
    assert sorted(m["instance_data"]["cqrs_revision"] for m in messages) == list(range(1, 101))
    last = max(messages, key=lambda m: m["instance_data"]["cqrs_revision"])
    author.refresh_from_db()
    assert last["instance_data"]["name"] == author.name
    assert author.cqrs_revision == 100


# W3: what is in memory but not in the database


def test_w3_an_attribute_changed_after_the_save_is_not_sent(author: Author) -> None:
    with transaction.atomic():
        author.name = "saved"
        author.save()
        author.name = "NOT SAVED"

    assert [m["instance_data"]["name"] for m in take()] == ["saved"]
