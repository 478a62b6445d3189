"""Counting that stays cheap however long a backlog is."""

from typing import Any, Final

from django.db.models import QuerySet

#: Counting stops here: nobody needs the exact length of a long backlog.
COUNT_LIMIT: Final = 10_000


def bounded_count(rows: "QuerySet[Any]") -> int:
    """How many there are, up to the limit and one more."""
    return rows[: COUNT_LIMIT + 1].count()


def shown(count: int) -> str:
    """A bounded count for people."""
    return f"more than {COUNT_LIMIT}" if count > COUNT_LIMIT else str(count)
