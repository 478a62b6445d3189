"""The outbox as the messages that will be published."""

from typing import Any

from dj_cqrs import wire
from dj_cqrs.outbox.models import OutboxMessage


def taken() -> list[dict[str, Any]]:
    """The messages of the outbox, which is empty afterwards."""
    rows = list(OutboxMessage.objects.order_by("pk"))
    OutboxMessage.objects.all().delete()
    return [wire.decode(bytes(row.body)) for row in rows]


def summary(messages: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return sorted(
        (m["signal_type"], m["cqrs_id"], m["instance_data"]["cqrs_revision"]) for m in messages
    )
