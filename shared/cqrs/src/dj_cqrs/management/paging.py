"""Paging over rows by key.

A page costs the same wherever it lies, and no row is skipped or met twice when others change
meanwhile. Each page is a query of its own: nothing is held open between two of them, so memory
does not grow with the table and a connection may be lost in between.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db.models import CompositePrimaryKey, QuerySet

from dj_cqrs.connections import persistently


def keyset_pages(queryset: "QuerySet[Any]", page_size: int) -> Iterator[list[Any]]:
    """Yields the primary keys of a queryset's rows, in order, a page at a time.

    Any key that the database can order: numbers, texts, UUIDs, dates, foreign keys. The order of
    the queryset itself is replaced; it must not be sliced.

    Raises:
        CommandError: the primary key is made of several columns.
    """
    for page in _pages(queryset.values_list("pk"), queryset, page_size):
        yield [pk for (pk,) in page]


def keyset_rows(
    queryset: "QuerySet[Any]", page_size: int, *fields: str
) -> Iterator[list[tuple[Any, ...]]]:
    """As ``keyset_pages``, but yields tuples of the key and the fields named."""
    return _pages(queryset.values_list("pk", *fields), queryset, page_size)


def refuse_composite_key(model: Any) -> None:
    """Says early that a model has a key of several columns.

    Raises:
        CommandError: it has.
    """
    if isinstance(model._meta.pk, CompositePrimaryKey):
        raise CommandError(
            f"{model.__name__} has a primary key of several columns; a message names one."
        )


def _pages(
    values: "QuerySet[Any, Any]", queryset: "QuerySet[Any]", page_size: int
) -> Iterator[list[tuple[Any, ...]]]:
    refuse_composite_key(queryset.model)
    rows = values.order_by("pk")
    using = queryset.db
    page: list[tuple[Any, ...]] = persistently(using, partial(list, rows[:page_size]))
    while page:
        yield page
        rest = rows.filter(pk__gt=page[-1][0])
        page = persistently(using, partial(list, rest[:page_size]))
