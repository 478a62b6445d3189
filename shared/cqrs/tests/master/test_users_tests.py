"""What users' own tests see: a ``TestCase`` never commits."""

import datetime as dt
from unittest import mock

from django.test import TestCase, modify_settings

from tests.app.master_models import Author
from tests.master.outbox_reader import summary, take


class CapturedCommitTests(TestCase):
    """The marks are ``on_commit`` hooks, which Django's own helper captures and runs."""

    def setUp(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            self.author = Author.objects.create(name="Lem")
        take()

    def test_nothing_is_recorded_before_the_commit(self) -> None:
        self.author.save()

        assert take() == []

    def test_captured_changes_are_recorded_once_per_row(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            self.author.save()
            self.author.save()

        assert summary(take()) == [("SAVE", "author", self.author.pk, 1)]

    def test_each_capture_is_a_transaction_of_its_own(self) -> None:
        for expected in (1, 2):
            with self.captureOnCommitCallbacks(execute=True):
                self.author.save()
            assert summary(take()) == [("SAVE", "author", self.author.pk, expected)]

    def test_a_captured_delete_is_recorded(self) -> None:
        pk = self.author.pk
        with self.captureOnCommitCallbacks(execute=True):
            self.author.delete()

        assert summary(take()) == [("DELETE", "author", pk, 1)]

    def test_a_delete_is_seen_although_the_creation_was_not_captured(self) -> None:
        author = Author.objects.create(name="setup")
        pk = author.pk
        with self.captureOnCommitCallbacks(execute=True):
            author.delete()

        assert [(signal, key) for signal, _, key, _ in summary(take())] == [("DELETE", pk)]


class DirectModeTests(TestCase):
    """As users of django-cqrs write them: the producer is patched under its name."""

    def setUp(self) -> None:
        self.enterContext(modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}))
        self.produce = self.enterContext(mock.patch("dj_cqrs.controller.producer.produce"))

    def test_nothing_is_produced_in_a_transaction_that_never_ends(self) -> None:
        Author.objects.create(name="Lem")

        self.produce.assert_not_called()

    def test_the_producer_is_called_once_for_each_row(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            author = Author.objects.create(name="Lem")
            author.save()
            Author.objects.create(name="Strugatsky")

        payloads = [call.args[0] for call in self.produce.call_args_list]
        assert [payload.instance_data["name"] for payload in payloads] == ["Lem", "Strugatsky"]
        assert payloads[0].pk == author.pk

    def test_hooks_that_a_test_runs_at_once_are_run_at_once(self) -> None:
        with mock.patch("django.db.transaction.on_commit", side_effect=lambda hook: hook()):
            author = Author.objects.create(name="Lem")
            author.save()
            author.delete()

        payloads = [call.args[0] for call in self.produce.call_args_list]
        revisions = [payload.instance_data["cqrs_revision"] for payload in payloads]
        assert revisions == [0, 1, 2]

    def test_the_clock_that_tests_replace_says_when_a_payload_expires(self) -> None:
        now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
        with (
            mock.patch("django.utils.timezone.now", return_value=now),
            self.captureOnCommitCallbacks(execute=True),
        ):
            Author.objects.create(name="Lem")

        assert self.produce.call_args.args[0].expires == now + dt.timedelta(days=1)

    def test_rows_of_one_capture_are_deleted_in_the_next(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            author = Author.objects.create(name="Lem")
        with self.captureOnCommitCallbacks(execute=True):
            author.delete()

        signals = [call.args[0].signal_type for call in self.produce.call_args_list]
        assert signals == ["SAVE", "DELETE"]
