"""Retries and dead letters: nothing is lost, nothing is tried for ever, nobody else waits."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from tests.app.replica_models import HookedItem, Item, Notifier, Patient
from tests.replica.parked import Status, due_at, parked, retry
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_tried_as_often_as_the_settings_say_and_then_is_a_dead_letter() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="bomb")])

    for attempts in (2, 3):
        retry()
        assert (parked().status, parked().attempts) == (Status.RETRYING, attempts)
    retry()
    assert (parked().status, parked().attempts, parked().due_at) == (Status.DEAD, 4, None)

    retry()
    assert len(HookedItem.calls) == 4  # the first attempt and CQRS_MAX_RETRIES more


def test_a_retried_message_that_works_is_gone() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="bomb")])
    HookedItem.explosive.clear()

    retry()

    assert HookedItem.objects.get().name == "bomb"
    assert not ParkedMessage.objects.exists()


def test_a_parked_message_that_a_newer_one_has_overtaken_is_done() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(1, cqrs_id="hooked_item", name="bomb")])
    apply_batch([save(2, cqrs_id="hooked_item", name="newer")])
    HookedItem.explosive.clear()

    retry()

    assert HookedItem.objects.get().name == "newer"
    assert not ParkedMessage.objects.exists()


def test_the_settings_decide_when_it_is_tried_again() -> None:
    before = timezone.now()
    apply_batch([save(0, price="cheap", name="x")])

    delay_seconds = (due_at() - before).total_seconds()
    assert 2 <= delay_seconds < 4
    assert not InboxApplier().do_chores()  # not due yet
    assert parked().attempts == 1


def test_a_models_own_policy_decides() -> None:
    before = timezone.now()
    apply_batch([save(0, cqrs_id="patient", name="falsy")])
    retry()

    assert parked().reason == (
        "HookError: cqrs_save, cqrs_create or cqrs_update of Patient returned None."
    )
    delay_seconds = (due_at() - before).total_seconds()
    assert 10 <= delay_seconds < 12  # 10 seconds times current_retry, which is 1 now


def test_a_models_own_policy_sees_the_exception() -> None:
    apply_batch([save(0, cqrs_id="patient", name="zero")])

    assert parked().status == Status.DEAD


@pytest.mark.parametrize("delay", [None, "soon", float("nan"), -5, 10**12])
def test_a_broken_policy_does_not_lose_the_message(
    delay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patient, "get_cqrs_retry_delay", staticmethod(lambda current: delay))

    apply_batch([save(0, cqrs_id="patient", name="falsy")])

    assert parked().status == Status.RETRYING
    assert parked().due_at is not None


def test_infinite_retries_never_end_as_a_dead_letter(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_MAX_RETRIES": None}}
    apply_batch([save(0, price="cheap", name="x")])
    ParkedMessage.objects.update(attempts=10_000)

    retry()

    assert (parked().status, parked().attempts) == (Status.RETRYING, 10_001)


def test_no_retries_means_a_dead_letter_at_once(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_MAX_RETRIES": 0}}

    apply_batch([save(0, price="cheap", name="x")])

    assert parked().status == Status.DEAD


def test_a_message_of_an_unknown_model_is_applied_after_the_deploy_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dj_cqrs.registries import ReplicaRegistry

    with monkeypatch.context() as patch:
        patch.delitem(ReplicaRegistry.models, "item")
        apply_batch([save(0, name="early")])
        assert "Model for cqrs_id item is not found" in parked().reason

    retry()

    assert Item.objects.get().name == "early"
    assert not ParkedMessage.objects.exists()


def test_a_unique_clash_blames_its_own_message_only() -> None:
    apply_batch([save(0, cqrs_id="unique", pk=pk, code=f"c{pk}") for pk in range(1, 10)])
    clash = [save(1, cqrs_id="unique", pk=pk, code=f"n{pk}") for pk in range(1, 9)]

    apply_batch([*clash, save(1, cqrs_id="unique", pk=9, code="n1")])

    assert (parked().row_pk, parked().status) == ("9", Status.RETRYING)
    assert "IntegrityError" in parked().reason


def test_a_failed_hook_of_a_model_without_database_is_retried_too() -> None:
    batch = [save(0, cqrs_id="notifier", name=name) for name in ("explode", "fine")]

    apply_batch(batch)

    assert [call[1]["name"] for call in Notifier.received] == ["fine"]
    assert parked().status == Status.RETRYING


def test_dead_letters_are_retried_and_discarded_in_the_admin(client: Client) -> None:
    apply_batch([RawMessage(b"\xff poison \x00", "item", {}), save(0, name="x", price="cheap")])
    ParkedMessage.objects.update(status=Status.DEAD, due_at=None, attempts=9)
    client.force_login(User.objects.create_superuser("admin"))
    url = "/admin/cqrs_inbox/parkedmessage/"
    poison, other = ParkedMessage.objects.order_by("pk")

    assert client.get(url).status_code == 200
    assert b"poison" in client.get(f"{url}{poison.pk}/change/").content

    client.post(url, {"action": "retry", "_selected_action": [other.pk]})
    other.refresh_from_db()
    assert (other.status, other.attempts) == (Status.RETRYING, 0)

    client.post(url, {"action": "discard", "_selected_action": [poison.pk]})
    assert parked() == other


@pytest.mark.postgres
def test_a_deferred_constraint_speaks_before_the_batch_is_lost() -> None:
    """On the hook path a violated deferred constraint would show at COMMIT only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE app_hookeditem ADD CONSTRAINT once UNIQUE (note) DEFERRABLE "
            "INITIALLY DEFERRED"
        )
    try:
        apply_batch(
            [save(0, cqrs_id="hooked_item", pk=pk, name="x", note=str(pk % 3)) for pk in range(4)]
        )
        assert HookedItem.objects.count() == 3
        assert parked().row_pk == "3"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE app_hookeditem DROP CONSTRAINT once")
