"""Reads the outbox as the tests want to see it: decoded, and emptied by the reading."""

from typing import Any

from dj_cqrs import wire
from dj_cqrs.outbox.models import OutboxMessage


def take(using: str = "default") -> list[dict[str, Any]]:
    """All messages of the outbox, oldest first; it is empty afterwards."""
    rows = list(OutboxMessage.objects.using(using).order_by("pk"))
    OutboxMessage.objects.using(using).all().delete()
    return [{**wire.decode(bytes(row.body)), "routing_key": row.routing_key} for row in rows]


def summary(messages: list[dict[str, Any]]) -> list[tuple[str, str, Any, int]]:
    """(signal, cqrs_id, pk, revision) of each message."""
    return [
        (m["signal_type"], m["cqrs_id"], m["instance_pk"], m["instance_data"]["cqrs_revision"])
        for m in messages
    ]
