"""No body can kill a worker, delay the others, or be lost without a trace (G6)."""

from typing import Any

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from tests.app.replica_models import EveryField, HookedItem, Item, Keyed
from tests.replica.bodies import HARMLESS, HOPELESS, RETRIED
from tests.replica.support import MONOTONIC, delete, raw, save

pytestmark = pytest.mark.django_db(transaction=True)

Status = ParkedMessage.Status


def _raw(message_body: bytes) -> RawMessage:
    return RawMessage(message_body, "item", MONOTONIC)


@pytest.mark.parametrize("name", HOPELESS)
def test_a_message_that_breaks_the_contract_is_a_dead_letter_at_once(name: str) -> None:
    fine = save(0, pk=2, name="neighbour")

    apply_batch([_raw(HOPELESS[name]), fine])

    letter = ParkedMessage.objects.get()
    assert (letter.status, letter.due_at, letter.attempts) == (Status.DEAD, None, 1)
    assert bytes(letter.body) == HOPELESS[name]
    assert letter.reason
    assert Item.objects.get().name == "neighbour"


@pytest.mark.parametrize("name", RETRIED)
def test_a_message_that_does_not_fit_is_kept_and_retried(name: str) -> None:
    fine = save(0, pk=2, name="neighbour")

    apply_batch([_raw(RETRIED[name]), fine])

    parked = ParkedMessage.objects.get()
    assert (parked.status, parked.attempts) == (Status.RETRYING, 1)
    assert parked.due_at is not None
    assert bytes(parked.body) == RETRIED[name]
    assert parked.reason
    assert Item.objects.get().name == "neighbour"


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_odd_is_applied(name: str) -> None:
    apply_batch([_raw(HARMLESS[name])])

    assert Item.objects.get().name == "fine"
    assert not ParkedMessage.objects.exists()


def test_text_that_a_database_cannot_hold_blames_its_own_message_only(
    subtests: pytest.Subtests,
) -> None:
    for number, text in enumerate(["NUL \x00", "lone surrogate \udc80", "x" * 51]):
        with subtests.test(text[:10]):
            fine = [save(0, pk=100 + 10 * number + each, name="neighbour") for each in range(7)]
            results = apply_batch([*fine[:3], save(0, pk=1 + number, name=text), *fine[3:]])
            applied = [result for result in results if result.outcome is Outcome.APPLIED]
            assert len(applied) >= 7
    assert Item.objects.filter(name="neighbour").count() == 21


@pytest.mark.parametrize(
    "pk",
    ["k\x00", "\udc80", "x" * 10_000, "", True, 1.5, 10**40],
    ids=["NUL", "lone surrogate", "long", "empty", "boolean", "float", "huge"],
)
@pytest.mark.parametrize("make", [save, delete])
def test_no_primary_key_hurts_its_neighbours(pk: Any, make: Any) -> None:
    fine = save(0, pk=2, name="neighbour")
    strange = make(0, pk=pk, name="strange")
    strange_uuid = make(0, pk=pk, cqrs_id="keyed", name="strange")

    apply_batch([fine, strange, strange_uuid])

    assert Item.objects.get(pk=2).name == "neighbour"
    assert not Keyed.objects.exists()
    assert ParkedMessage.objects.count() >= 1


def test_a_failing_hook_leaves_no_half_written_row() -> None:
    HookedItem.explosive.add("bomb")

    apply_batch(
        [
            save(0, cqrs_id="hooked_item", pk=1, name="fine"),
            save(1, cqrs_id="hooked_item", pk=1, name="bomb"),
            save(0, cqrs_id="hooked_item", pk=2, name="bomb"),
            save(0, cqrs_id="hooked_item", pk=3, name="fine"),
        ]
    )

    assert dict(HookedItem.objects.values_list("pk", "cqrs_revision")) == {1: 0, 3: 0}
    assert ParkedMessage.objects.filter(status=Status.RETRYING).count() == 2
    reason = ParkedMessage.objects.values_list("reason", flat=True)[0]
    assert reason == "RuntimeError: the hook does not like bomb"
    assert "replica_models.py" in ParkedMessage.objects.values_list("traceback", flat=True)[0]


def test_a_parked_message_names_its_row() -> None:
    apply_batch([save(0, pk=17, price="cheap", name="x")])

    parked = ParkedMessage.objects.get()
    assert (parked.cqrs_id, parked.row_pk, parked.routing_key) == ("item", "17", "item")
    assert parked.headers == MONOTONIC


def test_headers_of_any_kind_are_kept_with_a_message() -> None:
    headers = {"x-death": [{"count": 1, "time": object()}], "bytes": b"\x00", "nan": float("nan")}

    apply_batch([RawMessage(b"1", "a\x00b", headers)])

    assert set(ParkedMessage.objects.get().headers) == set(headers)


def test_a_number_that_overflows_its_column_blames_its_own_message_only() -> None:
    many = [save(0, cqrs_id="every_field", pk=pk) for pk in range(1, 12)]
    culprit = save(0, cqrs_id="every_field", pk=50, big=2**80)

    apply_batch([*many[:5], culprit, *many[5:]])

    assert EveryField.objects.count() == 11
    assert ParkedMessage.objects.get().row_pk == "50"


def test_an_unknown_exception_of_a_correlation_function_is_the_messages_problem(
    settings: Any,
) -> None:
    def explode(*args: Any) -> str:
        raise RuntimeError("correlation")

    settings.CQRS = {**settings.CQRS, "master": {"correlation_function": explode}}

    apply_batch([raw("SAVE", 0, name="x"), save(0, pk=2, name="y")])

    assert ParkedMessage.objects.filter(status=Status.RETRYING).count() == 2
