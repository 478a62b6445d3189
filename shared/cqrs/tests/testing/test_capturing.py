"""``captured_messages`` and ``replicate``, used as users use them, in test cases of every kind."""

import threading
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import TestCase, TransactionTestCase, modify_settings

from dj_cqrs.testing import Message, assert_in_sync, captured_messages, replicate
from tests.app.master_models import Author, Book, Fragile, Publisher
from tests.app.replica_models import AuthorCopy


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
