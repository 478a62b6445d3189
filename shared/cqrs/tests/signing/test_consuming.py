"""What a replica does with signed, unsigned, forged and changed messages."""

from dataclasses import replace
from typing import Any

import pytest

from dj_cqrs.constants import SIGNATURE_HEADER
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from tests.app.replica_models import Item
from tests.replica.parked import Status, parked
from tests.replica.support import save, sync
from tests.signing.conftest import Sign
from tests.signing.keys import FORGED, NEW, OLD, signed

pytestmark = pytest.mark.django_db(transaction=True)


def _outcome(raw: RawMessage) -> Outcome:
    return apply_batch([raw])[0].outcome


def _forged(**changes: Any) -> RawMessage:
    """A signed message of which something was changed."""
    return replace(signed(save(1, name="x")), **changes)


FORGERIES = {
    "another body": _forged(body=save(1, name="y").body),
    "another routing key": _forged(routing_key="cqrs.replica.item"),
    "the marker taken away": _forged(
        headers={SIGNATURE_HEADER: signed(save(1, name="x")).headers[SIGNATURE_HEADER]}
    ),
    "the marker added": replace(
        signed(save(1, name="x", monotonic=False)),
        headers={
            **save(1).headers,
            **signed(save(1, name="x", monotonic=False)).headers,
        },
    ),
    "another key": signed(save(1, name="x"), FORGED),
    "an unknown key": signed(save(1, name="x"), FORGED, "theirs"),
    "no signature": _forged(headers={SIGNATURE_HEADER: "monotonic"}),
    "half a signature": _forged(
        headers={**save(1).headers, SIGNATURE_HEADER: "old:" + "00" * 16},
    ),
}


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_or_changed_message_is_a_dead_letter_and_others_go_on(
    signing: Sign, caplog: pytest.LogCaptureFixture, name: str, required: bool
) -> None:
    signing(required=required)

    apply_batch([FORGERIES[name], signed(save(0, pk=2, name="neighbour"))])

    letter = parked()
    assert (letter.status, letter.due_at, letter.attempts) == (Status.DEAD, None, 1)
    assert bytes(letter.body) == FORGERIES[name].body
    assert letter.reason.startswith("UntrustedError: It")
    assert (letter.cqrs_id, letter.row_pk) == ("item", "1")
    assert "CQRS is denied: routing key" in caplog.text
    assert [item.name for item in Item.objects.all()] == ["neighbour"]


def test_an_unsigned_message_is_refused_where_signatures_are_required(signing: Sign) -> None:
    signing(required=True)
    assert _outcome(save(0, name="x")) is Outcome.FAILED
    assert (parked().status, parked().cqrs_id) == (Status.DEAD, "item")
    assert "It is not signed" in parked().reason
    assert not Item.objects.exists()


def test_an_unsigned_message_is_taken_where_they_are_not(signing: Sign) -> None:
    signing(required=False)
    assert _outcome(save(0, name="x")) is Outcome.APPLIED
    assert _outcome(signed(save(1, name="x"))) is Outcome.APPLIED


def test_who_has_no_keys_takes_signed_messages_as_they_are() -> None:
    assert _outcome(signed(save(0, name="x"), FORGED, "theirs")) is Outcome.APPLIED


def test_all_keys_verify_whichever_signs(signing: Sign) -> None:
    signing({"old": OLD, "new": NEW}, key="new", required=True)
    assert _outcome(signed(save(0, name="x"), OLD, "old")) is Outcome.APPLIED
    assert _outcome(signed(save(1, name="x"), NEW, "new")) is Outcome.APPLIED
    assert _outcome(signed(save(2, name="x"), NEW, "old")) is Outcome.FAILED


def test_a_broadcast_sync_cannot_be_redirected_to_one_queue(
    signing: Sign,
) -> None:
    """A model with CQRS_ONLY_DIRECT_SYNCS would take it."""
    signing(required=True)
    redirected = replace(signed(sync(0, name="x")), routing_key="cqrs.replica.item")
    assert _outcome(redirected) is Outcome.FAILED


def test_an_old_message_that_is_sent_again_changes_nothing(signing: Sign) -> None:
    signing(required=True)
    old, new = signed(save(0, name="old")), signed(save(1, name="new"))
    assert [_outcome(each) for each in (old, new, old, new)] == [
        *(Outcome.APPLIED, Outcome.APPLIED),
        *(Outcome.STALE, Outcome.DUPLICATE),
    ]
    assert Item.objects.get().name == "new"
    assert not ParkedMessage.objects.exists()


def test_what_cannot_be_read_is_judged_by_its_signature_first(signing: Sign) -> None:
    signing(required=True)
    _outcome(RawMessage(b"{", "item", {}))
    assert "It is not signed" in parked().reason
    assert parked().cqrs_id is None
    ParkedMessage.objects.all().delete()

    _outcome(signed(RawMessage(b"{", "item", {})))
    assert "not JSON" in parked().reason
