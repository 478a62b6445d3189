"""Paging over rows by key.

A page costs the same wherever it lies, and no row is skipped when others change meanwhile.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet


def keyset_pages(queryset: "QuerySet[Any]", page_size: int) -> Iterator[list[Any]]:
    """Yields the primary keys of a queryset's rows, in order, a page at a time."""
    rows = queryset.order_by("pk").values_list("pk", flat=True)
    page = list(rows[:page_size])
    while page:
        yield page
        page = list(rows.filter(pk__gt=page[-1])[:page_size])
