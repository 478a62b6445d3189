"""Masters with replicas in the same process, and the way of their messages."""

from typing import Any

import pytest

from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome
from tests.app.master_models import Author, Country, Holiday, Note
from tests.app.replica_models import AuthorCopy, CountryCopy, HolidayCopy, NoteCopy
from tests.commands import rows

#: Each master with a key of another sort, its replica, and what makes rows of it.
PAIRS = [
    (Author, AuthorCopy, rows.authors),
    (Note, NoteCopy, rows.notes),
    (Country, CountryCopy, rows.countries),
    (Holiday, HolidayCopy, rows.holidays),
]

of_every_key = pytest.mark.parametrize(
    ("master", "replica", "create"), PAIRS, ids=[pair[0].CQRS_ID for pair in PAIRS]
)


def replicate() -> list[Outcome]:
    """Applies what is in the outbox, as if it had gone to every replica."""
    messages = list(OutboxMessage.objects.order_by("pk"))
    OutboxMessage.objects.all().delete()
    raws = [RawMessage(bytes(each.body), each.routing_key, each.headers) for each in messages]
    return [result.outcome for result in apply_batch(raws)]


def mirrored(master: Any, create: Any, count: int) -> list[Any]:
    """So many rows on both sides; returns their keys."""
    pks: list[Any] = create(count)
    for row in master.objects.all():
        row.cqrs_sync()
    replicate()
    return pks


def revisions(model: Any) -> dict[Any, int]:
    """The revision of every row."""
    return dict(model._base_manager.values_list("pk", "cqrs_revision"))
