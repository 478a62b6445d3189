"""Dead letters are kept for a time that the settings say, tombstones longer than all else."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica import parking, readmission, retention
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import Row
from dj_cqrs.replica.retention import Retention, clean
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.transport.base import Delivery
from tests.replica.parked import Status
from tests.replica.support import delete, raw, save

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def parked(pk: int, *, age: timedelta, status: str = Status.DEAD) -> None:
    parking.park_due(save(0, pk=pk, name="x"), Row("item", str(pk)), "default")
    row = ParkedMessage.objects.order_by("-pk")[:1].get()
    ParkedMessage.objects.filter(pk=row.pk).update(
        status=status, due_at=None, changed_at=timezone.now() - age
    )


def keys() -> set[str | None]:
    return set(ParkedMessage.objects.values_list("row_pk", flat=True))


def test_dead_letters_are_removed_after_their_time_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parked(1, age=11 * DAY)
    parked(2, age=9 * DAY)
    parked(3, age=11 * DAY, status=Status.RETRYING)
    parked(4, age=11 * DAY, status=Status.WAITING)

    assert retention.remove_expired("default") == 1
    assert retention.remove_expired("default") == 0

    assert keys() == {"2", "3", "4"}
    assert "CQRS dead letters expired: 1 of item were removed" in caplog.text


def test_they_stay_for_ever_where_the_setting_says_so(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"dead_message_ttl": None}}
    parked(1, age=5000 * DAY)

    assert retention.remove_expired("default") == 0
    assert keys() == {"1"}


def test_a_letter_that_dies_again_has_all_its_time_again() -> None:
    apply_batch([save(0, name="x", price="cheap")])
    ParkedMessage.objects.update(
        changed_at=timezone.now() - 11 * DAY, due_at=timezone.now(), attempts=9
    )

    InboxApplier().do_chores()

    assert ParkedMessage.objects.get().status == Status.DEAD
    assert retention.remove_expired("default") == 0


def test_a_letter_that_somebody_retries_in_that_moment_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parked(1, age=11 * DAY)
    remove = retention._remove

    def retry_first(cqrs_id: str, old: Any) -> int:
        parking.retry_now(ParkedMessage.objects.all())
        return remove(cqrs_id, old)

    monkeypatch.setattr(retention, "_remove", retry_first)

    assert retention.remove_expired("default") == 0
    assert keys() == {"1"}


def test_a_tombstone_goes_after_the_letters_of_its_row(settings: Any) -> None:
    settings.CQRS = {
        **settings.CQRS,
        "replica": {"tombstone_ttl": 2 * 86_400, "dead_message_ttl": 86_400},
    }
    apply_batch([delete(1, pk=7)])
    unjudged = raw("SAVE", 0, pk=7, name="x")
    body = unjudged.body.replace(b'"SAVE"', b'"SAFE"')
    parking.park_due(type(unjudged)(body, "item", {}), Row("item", "7"), "default")
    ParkedMessage.objects.update(status=Status.DEAD)
    LedgerEntry.objects.update(changed_at=timezone.now() - 3 * DAY)

    for _ in clean():
        pass
    assert LedgerEntry.objects.exists()

    ParkedMessage.objects.update(changed_at=timezone.now() - 2 * DAY)
    for _ in clean():
        pass
    assert not LedgerEntry.objects.exists()
    assert not ParkedMessage.objects.exists()


def test_a_worker_does_it_now_and_then_but_not_when_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the broker gives back to a service that was away must find its tombstones."""
    parked(1, age=11 * DAY)
    applier = InboxApplier()
    for _ in range(5):
        applier.do_chores()
    assert keys() == {"1"}

    monkeypatch.setattr(retention, "INTERVAL_SECONDS", 0.0)
    applier = InboxApplier()
    while keys():
        applier.do_chores()


def test_a_round_that_a_database_breaks_off_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "INTERVAL_SECONDS", 0.0)
    parked(1, age=11 * DAY)
    work = Retention()
    with monkeypatch.context() as patch:

        def fail(_: str) -> int:
            raise OperationalError

        patch.setattr(retention, "remove_expired", fail)
        work.work_if_due()  # the sweep
        with pytest.raises(OperationalError):
            work.work_if_due()

    while keys():
        work.work_if_due()


def letter(revision: int, *, age: timedelta) -> Delivery:
    message = save(revision, name="x")
    body = message.body.replace(
        f"2026-01-01 00:00:0{revision}+00:00".encode(), str(timezone.now() - age).encode()
    )
    assert body != message.body
    return Delivery(body, "item", message.headers, True, 0)


@pytest.mark.parametrize(
    ("age", "is_refused"), [(100 * DAY, True), (89 * DAY, True), (70 * DAY, False)]
)
def test_a_brokers_letter_from_before_all_tombstones_is_not_taken_back(
    age: timedelta, is_refused: bool
) -> None:
    """Its row may have been deleted, and the deletion forgotten."""
    delivery = letter(0, age=age)

    if is_refused:
        with pytest.raises(readmission.ForgottenError, match="cqrs_sync"):
            readmission.readmit(delivery, body=delivery.body)
    else:
        readmission.readmit(delivery, body=delivery.body)

    assert ParkedMessage.objects.exists() is not is_refused
    assert not LedgerEntry.objects.filter(revision__gte=0).exists()


def test_an_old_letter_of_a_row_that_is_known_is_judged_as_ever() -> None:
    apply_batch([save(0, name="here")])
    delivery = letter(1, age=100 * DAY)

    readmission.readmit(delivery, body=delivery.body)

    assert ParkedMessage.objects.exists()
