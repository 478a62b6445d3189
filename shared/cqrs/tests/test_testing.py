"""``dj_cqrs.testing``, used as users use it."""

import threading
import uuid
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import TestCase, TransactionTestCase, modify_settings

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.testing import (
    DeliveryError,
    Message,
    assert_in_sync,
    captured_messages,
    deliver,
    payload,
    replicate,
)
from tests.app.master_models import Author, Book, Fragile, Note, Publisher
from tests.app.replica_models import (
    AuthorCopy,
    Child,
    Custom,
    DirectOnly,
    HookedItem,
    Item,
    NoteCopy,
    Notifier,
)


def summary(messages: list[Message]) -> list[tuple[str, Any, Any]]:
    """Signal, key and revision of each message."""
    return [(m.signal_type, m.pk, m.instance_data["cqrs_revision"]) for m in messages]


class CapturingBase:
    """What holds in every kind of test case."""

    def test_a_row_is_one_message_with_its_last_state(self) -> None:
        with captured_messages() as messages, transaction.atomic():
            author = Author.objects.create(name="Lem")
            author.name = "Stanisław Lem"
            author.save()

        assert summary(messages) == [("SAVE", author.pk, 0)]
        assert messages[0].instance_data["name"] == "Stanisław Lem"

    def test_each_block_raises_the_revision(self) -> None:
        with captured_messages() as first:
            author = Author.objects.create(name="Lem")
        with captured_messages() as second:
            author.save()
        with captured_messages() as third:
            pk = author.pk
            author.delete()

        assert summary([*first, *second, *third]) == [
            ("SAVE", pk, 0),
            ("SAVE", pk, 1),
            ("DELETE", pk, 2),
        ]

    def test_what_happened_before_the_block_is_not_its_business(self) -> None:
        Author.objects.create(name="before")

        with captured_messages() as messages:
            Author.objects.create(name="inside")
        Author.objects.create(name="after")

        assert [message.instance_data["name"] for message in messages] == ["inside"]

    def test_what_is_rolled_back_is_not_captured(self) -> None:
        with captured_messages() as messages, transaction.atomic():
            Author.objects.create(name="Lem")
            transaction.set_rollback(True)

        assert messages == []

    def test_a_sync_is_captured_with_its_queue(self) -> None:
        author = Author.objects.create(name="Lem")

        with captured_messages() as messages:
            author.cqrs_sync(queue="replica")

        assert [(m.signal_type, m.routing_key) for m in messages] == [
            ("SYNC", "cqrs.replica.author")
        ]

    def test_bulk_writes_and_cascades_are_captured(self) -> None:
        with captured_messages() as messages:
            lem, dick = Author.cqrs.bulk_create([Author(name="Lem"), Author(name="Dick")])
            Book.objects.create(title="Solaris", author=lem)
        with captured_messages() as deleted:
            lem.delete()

        assert [m.cqrs_id for m in messages] == ["author", "author", "book"]
        assert [(m.signal_type, m.cqrs_id) for m in deleted] == [
            ("DELETE", "book"),
            ("DELETE", "author"),
        ]
        assert dick.pk == messages[1].pk

    def test_embedded_rows_send_those_that_embed_them(self) -> None:
        publisher = Publisher.objects.create(name="Iskry")
        book = Book.objects.create(
            title="Solaris", author=Author.objects.create(name="Lem"), publisher=publisher
        )

        with captured_messages() as messages:
            publisher.name = "MON"
            publisher.save()

        assert [(m.cqrs_id, m.pk) for m in messages] == [("book", book.pk)]

    def test_blocks_may_be_nested(self) -> None:
        with captured_messages() as outer:
            Author.objects.create(name="a")
            with captured_messages() as inner:
                Author.objects.create(name="b")

        assert [m.instance_data["name"] for m in inner] == ["b"]
        assert sorted(m.instance_data["name"] for m in outer) == ["a", "b"]

    def test_a_row_that_cannot_be_sent_fails_the_test(self) -> None:
        with pytest.raises(ValueError, match="broken"), captured_messages():
            Fragile.objects.create(name="broken")

    def test_an_error_of_the_block_comes_through(self) -> None:
        with pytest.raises(ZeroDivisionError), captured_messages() as messages:
            Author.objects.create(name="Lem")
            raise ZeroDivisionError

        with captured_messages() as later:
            Author.objects.create(name="Dick")
        assert "Dick" not in [m.instance_data["name"] for m in messages]
        assert [m.instance_data["name"] for m in later] == ["Dick"]

    def test_every_database_is_captured(self) -> None:
        with captured_messages() as messages:
            Author.objects.using("second").create(name="Lem")

        assert [m.instance_data["name"] for m in messages] == ["Lem"]

    def test_direct_mode_is_captured_and_nothing_is_sent(self) -> None:
        with (
            modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}),
            mock.patch("dj_cqrs.controller.producer.produce") as produce,
        ):
            with captured_messages() as messages:
                Author.objects.create(name="Lem")

            produce.assert_not_called()
        assert [(m.signal_type, m.is_monotonic) for m in messages] == [("SAVE", False)]

    def test_both_sides_agree_after_replication(self) -> None:
        with replicate() as messages:
            Author.objects.create(name="Lem")
            author = Author.objects.create(name="Dick")
            Book.objects.create(title="Ubik", author=author)  # has no replica here
        with replicate():
            author.name = "Philip K. Dick"
            author.save()

        assert_in_sync(Author, AuthorCopy)
        assert len(messages) == 3


class CapturingInTestCase(CapturingBase, TestCase):
    databases = {"default", "second"}

    def test_other_hooks_are_left_alone(self) -> None:
        called: list[str] = []

        with captured_messages():
            transaction.on_commit(lambda: called.append("mine"))
        assert called == []

        with self.captureOnCommitCallbacks(execute=True), captured_messages() as messages:
            transaction.on_commit(lambda: called.append("mine"))
            Author.objects.create(name="Lem")
        assert called == ["mine"]
        assert len(messages) == 1


class CapturingRowsOfTheClass(TestCase):
    author: Author

    @classmethod
    def setUpTestData(cls) -> None:
        cls.author = Author.objects.create(name="of the class")

    def test_rows_of_the_class_are_changed_as_rows_that_are_there(self) -> None:
        with captured_messages() as messages:
            self.author.name = "changed"
            self.author.save()

        assert [(m.signal_type, m.pk) for m in messages] == [("SAVE", self.author.pk)]


class CapturingInTransactionTestCase(CapturingBase, TransactionTestCase):
    databases = {"default", "second"}

    def test_changes_of_other_threads_are_captured(self) -> None:
        def create() -> None:
            Author.objects.create(name="Lem")
            connections.close_all()

        with captured_messages() as messages:
            thread = threading.Thread(target=create)
            thread.start()
            thread.join()

        assert len(messages) == 1

    def test_a_commit_that_fails_is_not_captured(self) -> None:
        if connection.vendor == "sqlite":
            self.skipTest("its foreign keys are not deferred by Django")
        refused = pytest.raises(IntegrityError, match="foreign key")
        with captured_messages() as messages, refused, transaction.atomic():
            Book.objects.create(title="nobody's", author_id=12345)

        assert messages == []


@pytest.mark.django_db
def test_pytest_sees_the_same() -> None:
    with captured_messages() as messages:
        author = Author.objects.create(name="Lem")

    assert summary(messages) == [("SAVE", author.pk, 0)]


@pytest.mark.django_db
class TestDelivering:
    def test_a_made_message_is_applied(self) -> None:
        outcomes = deliver([payload(Item, {"id": 1, "name": "pen"})])

        assert outcomes == [Outcome.APPLIED]
        assert Item.objects.get().name == "pen"
        assert LedgerEntry.objects.get().is_monotonic

    def test_messages_are_judged_by_their_revisions(self) -> None:
        newer, older = (
            payload("item", {"id": 1, "name": name}, revision=revision)
            for name, revision in (("new", 2), ("old", 1))
        )

        assert deliver([newer, older, newer]) == [
            Outcome.APPLIED,
            Outcome.STALE,
            Outcome.DUPLICATE,
        ]
        assert Item.objects.get().name == "new"

    def test_a_delete_leaves_no_way_back(self) -> None:
        saved = payload("item", {"id": 1, "name": "pen"})
        deleted = payload("item", {"id": 1}, signal_type="DELETE", revision=1)

        deliver([saved, deleted])

        assert deliver(saved) == [Outcome.STALE]
        assert not Item.objects.exists()

    def test_a_failing_hook_fails_the_test_with_its_cause(self) -> None:
        HookedItem.explosive.add("bomb")
        try:
            with pytest.raises(DeliveryError, match="SAVE hooked_item 1 at revision 0") as caught:
                deliver(payload(HookedItem, {"id": 1, "name": "bomb"}))
        finally:
            HookedItem.explosive.clear()

        assert isinstance(caught.value.__cause__, RuntimeError)

    def test_a_failure_may_be_what_the_test_is_about(self) -> None:
        orphan = payload(Child, {"id": 1, "name": "x", "parent": 5})

        assert deliver(orphan, must_apply=False) == [Outcome.FAILED]
        assert ParkedMessage.objects.get().waits_for == "parent/5"

    def test_an_unknown_model_is_an_error(self) -> None:
        with pytest.raises(DeliveryError, match="of_tomorrow"):
            deliver(payload("of_tomorrow", {"id": 1}))

    def test_a_model_without_a_database_hears_of_it(self) -> None:
        Notifier.received.clear()

        deliver(payload(Notifier, {"id": 1, "name": "x"}))

        assert [kind for kind, _ in Notifier.received] == ["save"]

    def test_only_a_direct_sync_reaches_who_asks_for_those(self) -> None:
        data = {"id": 1, "name": "x"}
        broadcast = payload(DirectOnly, data, signal_type=SignalType.SYNC)
        direct = payload(DirectOnly, data, signal_type=SignalType.SYNC, queue="replica")

        assert deliver([broadcast, direct]) == [Outcome.IGNORED, Outcome.APPLIED]

    def test_metadata_and_mapping_arrive(self) -> None:
        key = uuid.uuid4()
        nested = {"items": [{"name": "a"}, {"name": "b"}]}

        deliver(
            [
                payload(Custom, {"id": 1, "nested": nested}, meta={"suffix": "!"}),
                payload(NoteCopy, {"key": key, "text": "hello"}),
            ]
        )

        assert Custom.objects.get().text == "a, b !"
        assert NoteCopy.objects.get(number=key).body == "hello"

    def test_any_payload_will_do(self) -> None:
        data = {"id": 1, "name": "x", "cqrs_revision": 0, "cqrs_updated": "2026-01-01 00:00Z"}

        deliver(TransportPayload("SAVE", "item", data, 1))

        assert not LedgerEntry.objects.get().is_monotonic

    def test_a_payload_needs_a_key(self) -> None:
        with pytest.raises(ValueError, match="give the payload a pk"):
            payload("item", {"name": "nobody"})


class TestWithoutInbox:
    """A service of models without a database has no inbox, and its tests no database."""

    @pytest.fixture(autouse=True)
    def _no_inbox(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        Notifier.received.clear()
        monkeypatch.setattr(ReplicaRegistry, "models", {"notifier": Notifier})
        with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.inbox"]}):
            yield

    def test_hooks_are_called(self) -> None:
        message = payload("notifier", {"id": 1, "name": "x"})

        assert deliver([message, message]) == [Outcome.APPLIED, Outcome.APPLIED]
        assert len(Notifier.received) == 2

    def test_a_failing_hook_fails_the_test(self) -> None:
        with pytest.raises(DeliveryError, match="does not like it"):
            deliver(payload("notifier", {"id": 1, "name": "explode"}))


@pytest.mark.django_db
class TestComparing:
    def test_rows_and_fields_that_differ_are_named(self) -> None:
        with captured_messages() as messages:
            same, changed, missing = (
                Author.objects.create(name=name) for name in ("same", "changed", "missing")
            )
        deliver(messages[:2])
        AuthorCopy.objects.filter(pk=changed.pk).update(name="by hand")
        AuthorCopy.objects.create(
            id=99, name="nobody", cqrs_revision=0, cqrs_updated=same.cqrs_updated
        )

        with pytest.raises(AssertionError) as caught:
            assert_in_sync(Author, AuthorCopy)

        assert str(caught.value) == (
            "AuthorCopy is not in sync with Author:\n"
            f"  missing in the replica: {missing.pk}\n"
            "  only in the replica: 99\n"
            f"  different:\n    {changed.pk}: name is 'by hand', the master has 'changed'"
        )

    def test_mapping_and_rows_that_stay_at_home_are_known(self) -> None:
        with replicate():
            Note.objects.create(text="public")
            Note.objects.create(text="private", is_public=False)

        assert_in_sync(Note, NoteCopy)
        assert NoteCopy.objects.count() == 1

    def test_only_some_fields_may_be_compared(self) -> None:
        with replicate():
            author = Author.objects.create(name="Lem")
        AuthorCopy.objects.filter(pk=author.pk).update(cqrs_revision=5)

        assert_in_sync(Author, AuthorCopy, fields=["name"])
        with pytest.raises(AssertionError, match="cqrs_revision is 5, the master has 0"):
            assert_in_sync(Author, AuthorCopy)
        with pytest.raises(ValueError, match="has no fields nam"):
            assert_in_sync(Author, AuthorCopy, fields=["nam"])

    def test_a_long_list_is_cut(self) -> None:
        for number in range(12):
            Author.objects.create(name=str(number))

        with pytest.raises(AssertionError, match=r", and 2 more$"):
            assert_in_sync(Author, AuthorCopy)
