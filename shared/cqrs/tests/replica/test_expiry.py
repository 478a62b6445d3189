"""Messages that come after their time: wanted for a row, a dead letter for a mere hook."""

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.settlement import Done
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.transport.base import Delivery
from tests.app.replica_models import Item, Notifier
from tests.replica.parked import Status, parked, retry
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)

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
