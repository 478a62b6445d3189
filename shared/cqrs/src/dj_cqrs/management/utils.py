"""Helpers of the commands that users' own commands may import."""

from collections.abc import Iterator
from typing import Any

from django.db.models import CompositePrimaryKey, QuerySet

from dj_cqrs.management.arguments import DEFAULT_BATCH_SIZE
from dj_cqrs.management.paging import keyset_pages


def batch_qs(
    qs: "QuerySet[Any]", batch_size: int = DEFAULT_BATCH_SIZE
) -> "Iterator[QuerySet[Any]]":
    """Splits a queryset into querysets of at most so many rows, ordered by key.

    Rows that others change meanwhile are neither skipped nor met twice. What cannot be paged by
    key (slices, unions, groups, keys of several columns) is paged by position, which promises
    that only while nobody writes.

    Args:
        qs: which rows; an order of its own is replaced where it is paged by key.
        batch_size: rows of one queryset.

    Raises:
        ValueError: the batch size is less than 1.
    """
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1.")
    if not _has_pages_by_key(qs):
        yield from _by_position(qs, batch_size)
        return
    for page in keyset_pages(qs, batch_size):
        yield qs.filter(pk__gte=page[0], pk__lte=page[-1]).order_by("pk")


def _has_pages_by_key(qs: "QuerySet[Any]") -> bool:
    query = qs.query
    is_plain = not (query.is_sliced or query.combinator or query.distinct_fields)
    has_groups = query.group_by is not None
    return is_plain and not has_groups and not isinstance(qs.model._meta.pk, CompositePrimaryKey)


def _by_position(qs: "QuerySet[Any]", batch_size: int) -> "Iterator[QuerySet[Any]]":
    rows = qs if qs.ordered or qs.query.is_sliced else qs.order_by("pk")
    for start in range(0, rows.count(), batch_size):
        yield rows[start : start + batch_size]
