"""In whatever order and however often messages arrive, the replica ends in the master's state.

Through the real apply and the real database, by the bulk path and by the hook path.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dj_cqrs.inbox.models import LedgerEntry, ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from tests.app.replica_models import HookedItem, Item
from tests.replica.support import delete, save, sync

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = [1, 2, 3]


@dataclass(frozen=True)
class History:
    """What happened on the master, as messages in any order, and how it ended there."""

    deliveries: list[list[RawMessage]]
    names: dict[int, str]
    revisions: dict[int, int]


@st.composite
def histories(draw: st.DrawFn, cqrs_id: str) -> History:
    """Creates, updates, deletes, re-creates, syncs; then duplicated, shuffled, cut in batches."""
    messages: list[RawMessage] = []
    names: dict[int, str] = {}
    revisions: dict[int, int] = {}
    for step in range(draw(st.integers(1, 14))):
        pk = draw(st.sampled_from(KEYS))
        kwargs: dict[str, Any] = {"cqrs_id": cqrs_id, "pk": pk}
        action = draw(st.sampled_from(["save", "delete", "sync"]))
        if action == "sync" and pk in names:
            messages.append(sync(revisions[pk], name=names[pk], **kwargs))
            continue
        revisions[pk] = revisions.get(pk, -1) + 1
        if action == "delete" and pk in names:
            del names[pk]
            messages.append(delete(revisions[pk], **kwargs))
        else:
            names[pk] = f"step {step}"
            messages.append(save(revisions[pk], name=names[pk], **kwargs))
    again = draw(st.lists(st.sampled_from(messages), max_size=6))
    shuffled = draw(st.permutations([*messages, *again]))
    size = draw(st.integers(1, 6))
    batches = [list(shuffled[start : start + size]) for start in range(0, len(shuffled), size)]
    return History(batches, names, revisions)


@pytest.mark.parametrize("model", [Item, HookedItem])
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_order_of_delivery_ends_in_the_masters_last_state(model: Any, data: Any) -> None:
    history = data.draw(histories(model.CQRS_ID))
    with transaction.atomic():
        for batch in history.deliveries:
            apply_batch(batch)

        assert dict(model.objects.values_list("pk", "name")) == history.names
        rows = dict(model.objects.values_list("pk", "cqrs_revision"))
        assert rows == {pk: history.revisions[pk] for pk in history.names}
        ledger = dict(LedgerEntry.objects.values_list("row_pk", "revision"))
        assert ledger == {str(pk): number for pk, number in history.revisions.items()}
        assert not ParkedMessage.objects.exists()
        transaction.set_rollback(True)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_bulk_path_has_the_same_effect_as_the_hooks(data: Any) -> None:
    """Also for local columns and for payloads that carry only some of the fields."""
    optional = st.dictionaries(
        st.sampled_from(["price", "note"]), st.sampled_from([None, "1.25", "2.5"])
    )
    steps = st.tuples(
        st.sampled_from(["save", "save", "delete"]),
        st.sampled_from(KEYS),
        st.integers(0, 6),
        optional,
    )
    drawn = data.draw(st.lists(st.lists(steps, min_size=1, max_size=5), min_size=1, max_size=4))
    with transaction.atomic():
        for model in (Item, HookedItem):
            for batch in drawn:
                apply_batch([_message(model.CQRS_ID, *step) for step in batch])
                model.objects.filter(pk=2).update(rating=1)
        assert _rows(Item) == _rows(HookedItem)
        transaction.set_rollback(True)


def _message(cqrs_id: str, kind: str, pk: int, revision: int, data: dict[str, Any]) -> RawMessage:
    if kind == "delete":
        return delete(revision, cqrs_id=cqrs_id, pk=pk)
    return save(revision, cqrs_id=cqrs_id, pk=pk, name=f"{pk} at {revision}", **data)


def _rows(model: Any) -> list[Any]:
    fields = ("pk", "name", "price", "note", "rating", "seen", "cqrs_revision", "cqrs_updated")
    return list(model.objects.order_by("pk").values_list(*fields))
