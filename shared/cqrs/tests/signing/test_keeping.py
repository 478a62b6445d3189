"""Messages that are kept: keys come and go while they wait, and a missing key can be added."""

from dataclasses import replace

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import TRUSTED_MARK, RawMessage
from dj_cqrs.replica.readmission import readmit
from dj_cqrs.transport.base import Delivery
from tests.app.replica_models import HookedItem, Item
from tests.commands.letters import LONG_AGO, recent
from tests.replica.parked import Status, parked, retry
from tests.replica.support import save
from tests.signing.conftest import Run, Sign
from tests.signing.keys import FORGED, NEW, OLD, signed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("memory_broker"),
]


def _delivery(raw: RawMessage) -> Delivery:
    return Delivery(raw.body, raw.routing_key, raw.headers, redelivered=True, tag=0)


def test_a_dead_letter_is_applied_when_its_key_was_added(signing: Sign, run: Run) -> None:
    signing({"old": OLD}, required=True)
    apply_batch([signed(save(0, name="x", expires=LONG_AGO), NEW, "new")])
    assert "which is none of those here: old" in parked().reason

    run("cqrs_dead_letters", "retry")
    retry()
    assert parked().status == Status.DEAD

    signing({"old": OLD, "new": NEW}, key="old", required=True)
    run("cqrs_dead_letters", "retry")
    retry()
    assert Item.objects.get().name == "x"
    assert not ParkedMessage.objects.exists()


def test_a_key_may_go_while_a_message_that_it_signed_is_retried(signing: Sign, run: Run) -> None:
    signing({"old": OLD}, required=True)
    HookedItem.explosive.add("bomb")
    raw = signed(save(0, cqrs_id="hooked_item", name="bomb", expires=LONG_AGO))
    apply_batch([raw])
    assert (parked().status, parked().headers[TRUSTED_MARK]) == (Status.RETRYING, True)

    signing({"new": NEW}, required=True)
    while parked().status != Status.DEAD:
        retry()
    assert "bomb" in parked().reason

    HookedItem.explosive.clear()
    run("cqrs_dead_letters", "retry")
    assert bytes(parked().body) != raw.body  # it was renewed: its time is over
    retry()
    assert HookedItem.objects.get().name == "bomb"


def test_nobody_can_send_the_mark_of_a_message_that_was_checked(signing: Sign) -> None:
    signing({"old": OLD}, required=True)
    raw = save(0, name="x")
    apply_batch([replace(raw, headers={**raw.headers, TRUSTED_MARK: True})])
    assert (parked().status, TRUSTED_MARK in parked().headers) == (Status.DEAD, False)

    parking.retry_now(ParkedMessage.objects.all())
    retry()
    assert parked().status == Status.DEAD
    assert not Item.objects.exists()


def test_without_keys_nothing_is_marked() -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="bomb")])
    assert TRUSTED_MARK not in parked().headers


def test_a_letter_of_the_broker_is_renewed_only_if_it_is_ours(signing: Sign) -> None:
    signing({"old": OLD}, required=True)
    good, bad = signed(recent(1)), signed(recent(2), FORGED)

    readmit(_delivery(good), body=recent(1, name="renewed").body)
    readmit(_delivery(bad), body=recent(2, name="renewed").body)
    retry()

    assert Item.objects.get().name == "renewed"
    assert (parked().status, bytes(parked().body)) == (Status.DEAD, bad.body)
    assert (parked().cqrs_id, parked().row_pk) == ("item", "2")
