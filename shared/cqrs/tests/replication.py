"""From the outbox over the wire into the replica models of this process."""

from collections.abc import Callable
from typing import Any

from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome


def replicate(arranged: Callable[[list[Any]], Any] = list) -> list[Outcome]:
    """Applies what the outbox holds, and empties it.

    Args:
        arranged: returns the messages in the order in which they arrive.
    """
    rows = list(OutboxMessage.objects.order_by("pk"))
    OutboxMessage.objects.all().delete()
    messages = [RawMessage(bytes(row.body), row.routing_key, row.headers) for row in rows]
    return [result.outcome for result in apply_batch(list(arranged(messages)))]
