"""Retries and dead letters: nothing is lost, nothing is tried for ever, nobody else waits."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from dj_cqrs.replica.settlement import Done
from dj_cqrs.replica.suspects import SUSPECT_DELIVERIES
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport.base import Delivery
from local_stack.waiting import eventually
from tests.app.replica_models import Child, HookedItem, Item, Node, Notifier, Parent, Patient
from tests.replica.support import delete, save

pytestmark = pytest.mark.django_db(transaction=True)

Status = ParkedMessage.Status


def make_due() -> None:
    """Lets the time pass until all parked messages are due."""
    now = timezone.now()
    ParkedMessage.objects.exclude(due_at=None).update(due_at=now - timedelta(seconds=1))


def retry() -> None:
    """What a worker does about once a second, when everything is due."""
    make_due()
    applier = InboxApplier()
    while applier.do_chores():
        pass


def due_at() -> datetime:
    moment = parked().due_at
    assert moment is not None
    return moment


def parked() -> ParkedMessage:
    return ParkedMessage.objects.get()


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


def test_a_child_waits_for_its_parent_without_using_up_attempts() -> None:
    apply_batch([save(0, cqrs_id="child", name="c", parent=5), save(0, name="neighbour")])
    for _ in range(10):
        retry()
    assert (parked().status, parked().attempts) == (Status.WAITING, 0)
    assert parked().waits_for == "parent/5"
    assert Item.objects.exists()

    ParkedMessage.objects.update(due_at=timezone.now() + timedelta(hours=1))
    apply_batch([save(0, cqrs_id="parent", pk=5, name="p")])

    InboxApplier().do_chores()  # the parent's arrival has made it due
    assert Child.objects.get().parent_id == 5
    assert not ParkedMessage.objects.exists()


def test_parents_and_children_of_one_batch_are_applied_in_order() -> None:
    apply_batch(
        [
            save(0, cqrs_id="child", pk=1, name="c", parent=5),
            save(0, cqrs_id="child", pk=2, name="orphan", parent=6),
            save(0, cqrs_id="parent", pk=5, name="p"),
        ]
    )

    assert list(Child.objects.values_list("pk", "parent_id")) == [(1, 5)]
    assert parked().waits_for == "parent/6"


def test_a_row_finds_its_parent_of_the_same_model_in_the_same_batch() -> None:
    root, leaf = str(uuid.uuid4()), str(uuid.uuid4())

    apply_batch(
        [
            save(0, cqrs_id="node", pk=leaf, parent=root.upper()),
            save(0, cqrs_id="node", pk=root, parent=root),  # it is its own parent
        ]
    )
    if not connection.features.can_defer_constraint_checks:
        InboxApplier().do_chores()  # the parent's arrival has made it due

    assert Node.objects.filter(parent_id=root).count() == 2
    assert not ParkedMessage.objects.exists()


def test_a_deleted_parent_takes_its_children_along_and_their_deletes_come_late() -> None:
    family = [save(0, cqrs_id="parent", name="p"), save(0, cqrs_id="child", name="c", parent=1)]
    apply_batch(family)

    results = apply_batch([delete(1, cqrs_id="parent")])
    results += apply_batch([delete(1, cqrs_id="child")])

    assert [result.outcome for result in results] == [Outcome.APPLIED] * 2
    assert not Parent.objects.exists()
    assert not Child.objects.exists()


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


LONG_AGO = "2020-01-01T00:00:00+00:00"


def test_an_expired_message_of_a_model_without_database_is_a_dead_letter_at_once() -> None:
    apply_batch([save(0, cqrs_id="notifier", name="late", expires=LONG_AGO)])

    assert not Notifier.received
    assert (parked().status, parked().attempts) == (Status.DEAD, 1)
    assert parked().reason == "ExpiredError: expired at 2020-01-01 00:00:00+00:00"


def test_an_expired_dead_letter_is_applied_if_somebody_retries_it() -> None:
    apply_batch([save(0, cqrs_id="notifier", name="late", expires=LONG_AGO)])

    parking.retry_now(ParkedMessage.objects.all())
    InboxApplier().do_chores()

    assert [call[1]["name"] for call in Notifier.received] == ["late"]
    assert not ParkedMessage.objects.exists()


def test_a_message_that_expires_between_its_attempts_is_a_dead_letter() -> None:
    apply_batch([save(0, cqrs_id="notifier", name="explode")])
    late = save(0, cqrs_id="notifier", name="explode", expires=LONG_AGO)
    ParkedMessage.objects.update(body=late.body)

    retry()

    assert (parked().status, parked().attempts) == (Status.DEAD, 2)
    assert "expired at" in parked().reason


def test_a_row_is_wanted_however_late_it_comes() -> None:
    apply_batch([save(0, name="late", expires=LONG_AGO)])

    assert Item.objects.get().name == "late"


def test_without_an_inbox_an_expired_message_is_the_brokers_dead_letter() -> None:
    late, fine = (
        Delivery(message.body, "notifier", {}, False, tag)
        for tag, message in enumerate(
            [
                save(0, cqrs_id="notifier", name="late", expires=LONG_AGO),
                save(0, cqrs_id="notifier", name="fine"),
            ]
        )
    )

    dead, done = PlainApplier().apply([late, fine])

    assert (dead.delivery, done) == (late, Done([fine]))  # type: ignore[attr-defined]
    assert "expired at" in dead.reason  # type: ignore[attr-defined]
    assert [call[1]["name"] for call in Notifier.received] == ["fine"]


def test_a_claimed_message_is_nobody_elses_until_its_lease_ends() -> None:
    apply_batch([save(0, price="cheap", name="x")])
    make_due()

    assert len(parking.claim_due(10, "default")) == 1
    assert parking.claim_due(10, "default") == []


def test_a_message_that_killed_its_worker_is_tried_alone_and_counted() -> None:
    apply_batch([save(0, pk=pk, price="cheap", name="x") for pk in range(1, 5)])
    make_due()
    parking.claim_due(2, "default")  # and the worker dies
    make_due()

    assert len(parking.claim_due(10, "default")) == 2  # those that nobody had yet
    for _ in range(2):
        (suspect,) = parking.claim_due(10, "default")
        assert suspect.attempts == 3
    assert parking.claim_due(10, "default") == []


def test_a_delivery_that_comes_again_and_again_is_set_aside() -> None:
    message = save(0, name="killer")
    headers = {**message.headers, "x-delivery-count": SUSPECT_DELIVERIES}
    neighbour = save(0, pk=2, name="neighbour")
    deliveries = [
        Delivery(message.body, "item", headers, True, 1),
        Delivery(neighbour.body, "item", neighbour.headers, False, 2),
    ]

    settled = list(InboxApplier().apply(deliveries))

    assert settled == [Done([deliveries[1]]), Done([deliveries[0]])]
    assert list(Item.objects.values_list("pk", flat=True)) == [2]
    assert (parked().row_pk, parked().status, parked().attempts) == ("1", Status.RETRYING, 1)
    retry()
    assert Item.objects.filter(pk=1).exists()


def test_a_worker_retries_by_itself(
    publish: Callable[[RawMessage], None], run_worker: Callable[[], Worker]
) -> None:
    HookedItem.explosive.add("bomb")
    run_worker()
    publish(save(0, cqrs_id="hooked_item", name="bomb"))
    eventually(ParkedMessage.objects.get)

    HookedItem.explosive.clear()
    make_due()

    eventually(lambda: HookedItem.objects.get(name="bomb"))
    eventually(not_parked)


def not_parked() -> None:
    assert not ParkedMessage.objects.exists()


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
