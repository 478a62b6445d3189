"""Who tries a parked message again, and what becomes of one that kills whoever does."""

from collections.abc import Callable

import pytest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.settlement import Done
from dj_cqrs.replica.suspects import SUSPECT_DELIVERIES
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport.base import Delivery
from local_stack.waiting import eventually
from tests.app.replica_models import HookedItem, Item
from tests.replica.parked import Status, make_due, parked, retry
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


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


@pytest.mark.parametrize("count", [SUSPECT_DELIVERIES, 50])
def test_a_delivery_that_comes_again_and_again_is_set_aside(count: int) -> None:
    """It may only have been behind one that kills: it is given up by nothing but its own try."""
    message = save(0, name="killer")
    headers = {**message.headers, "x-delivery-count": count}
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
