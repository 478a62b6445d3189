"""Writing to the outbox, in the transaction of the change."""

from collections.abc import Iterable

from dj_cqrs import bodies
from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.transport.topology import RoutingKey

#: What every message of an outbox says about its revisions.
HEADERS = {REVISIONS_HEADER: REVISIONS_MONOTONIC}


def record(payloads: Iterable[TransportPayload], using: str) -> None:
    """Encodes payloads and writes them with one statement.

    Raises:
        ContractError: a payload holds a value that JSON has no form for, or is too large.
    """
    OutboxMessage.objects.using(using).bulk_create(
        OutboxMessage(
            cqrs_id=payload.cqrs_id,
            routing_key=str(RoutingKey(payload.cqrs_id, payload.queue)),
            body=bodies.encode(payload),
            headers=HEADERS,
        )
        for payload in payloads
    )
