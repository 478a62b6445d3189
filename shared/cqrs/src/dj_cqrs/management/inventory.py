"""What there is on this side of a diff: keys and revisions of rows, a page at a time."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from dj_cqrs.management.paging import keyset_pages, keyset_rows
from dj_cqrs.master.revisions import chunks, sends_every_row

#: Of a row: its key and its revision.
Revision = tuple[Any, int]


def of_master(rows: "QuerySet[Any]", page_size: int) -> Iterator[list[Revision]]:
    """Yields the rows that are sent to replicas; not those that ``is_sync_instance`` keeps."""
    if sends_every_row(rows.model):
        yield from of_replica(rows, page_size)
        return
    for pks in keyset_pages(rows, page_size):
        yield [
            (row.pk, row.cqrs_revision)
            for chunk in chunks(pks)
            for row in rows.filter(pk__in=chunk)
            if row.is_sync_instance()
        ]


def of_replica(rows: "QuerySet[Any]", page_size: int) -> Iterator[list[Revision]]:
    """Yields all rows."""
    for page in keyset_rows(rows, page_size, "cqrs_revision"):
        yield [(pk, revision) for pk, revision in page]
