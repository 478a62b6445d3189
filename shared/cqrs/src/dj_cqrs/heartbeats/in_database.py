"""Signs of life in a table."""

from dataclasses import asdict, fields
from typing import Any

from django.db import connections
from django.db.models.functions import Now

from dj_cqrs.heartbeats.signs import Seen, Sign

_FIELDS = [field.name for field in fields(Sign)]


class DatabaseStore:
    """A ``Store``.

    Args:
        model: the heartbeat model of outbox or inbox.
        using: database alias.
    """

    def __init__(self, model: Any, using: str) -> None:
        self._rows = model._base_manager.using(using)
        self._model = model
        self._connection = connections[using]

    def write(self, sign: Sign, *, is_first: bool) -> None:
        """Writes one row with one statement, unless that would become part of a transaction.

        The database says what time it is: the machines' clocks may differ.
        """
        if self._connection.in_atomic_block:
            return
        if is_first:
            self.remove([sign.name])  # of a predecessor with this pid, in a container
        has_target = self._connection.features.supports_update_conflicts_with_target
        self._rows.bulk_create(
            [self._model(started_at=Now(), beat_at=Now(), **asdict(sign))],
            update_conflicts=True,
            update_fields=["beat_at", *(name for name in _FIELDS if name != "name")],
            unique_fields=["name"] if has_target else None,
        )

    def read(self) -> list[Seen]:
        """All rows, by name."""
        found = self._rows.order_by("name").values("started_at", "beat_at", *_FIELDS, now=Now())
        return [_seen(**row) for row in found]

    def remove(self, names: list[str]) -> None:
        """Deletes rows."""
        self._rows.filter(name__in=names).delete()


def _seen(*, now: Any, started_at: Any, beat_at: Any, **values: Any) -> Seen:
    return Seen(
        Sign(**values),
        age_seconds=max((now - started_at).total_seconds(), 0.0),
        silent_seconds=max((now - beat_at).total_seconds(), 0.0),
    )
