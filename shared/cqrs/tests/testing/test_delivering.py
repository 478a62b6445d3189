"""``deliver`` and ``payload``, used as users use them, with an inbox and without."""

import uuid
from typing import Any

import pytest
from django.test import modify_settings

from dj_cqrs.constants import SignalType
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.testing import DeliveryError, deliver, payload
from tests.app.replica_models import (
    Child,
    Custom,
    DirectOnly,
    HookedItem,
    Item,
    NoteCopy,
    Notifier,
)


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
