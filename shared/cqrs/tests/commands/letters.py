"""Dead letters in the inbox, and what becomes of them."""

from typing import Any

from django.utils import timezone

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from tests.replica.support import START, save

Status = ParkedMessage.Status

LONG_AGO = "2020-01-01T00:00:00+00:00"


def letter(pk: Any = 1, *, cqrs_id: str = "item", status: str = Status.DEAD, **data: Any) -> int:
    """A dead letter in the inbox; returns its id."""
    raw = save(0, cqrs_id=cqrs_id, pk=pk, name="x", **data)
    row = ParkedMessage.objects.create(
        status=status,
        attempts=4,
        cqrs_id=cqrs_id,
        row_pk=str(pk),
        reason="ValueError: no",
        routing_key=raw.routing_key,
        headers=dict(raw.headers),
        body=raw.body,
    )
    return row.pk


def notification(pk: int, *, cqrs_id: str = "notifier", **data: Any) -> RawMessage:
    """A message for the model without a database."""
    return save(0, cqrs_id=cqrs_id, pk=pk, **data)


def recent(pk: int, *, name: str = "x") -> RawMessage:
    """A message from now; very old ones may be about rows whose deletion is forgotten."""
    return save(0, pk=pk, name=name, seconds=(timezone.now() - START).total_seconds())


def poison(body: bytes) -> RawMessage:
    """What nobody can read."""
    return RawMessage(body, "item", {})


def states() -> list[tuple[str, int]]:
    return list(ParkedMessage.objects.order_by("pk").values_list("status", "attempts"))


def work() -> None:
    """What a worker does about once a second."""
    applier = InboxApplier()
    while applier.do_chores():
        pass
