"""Dead letters in the inbox's table: the usual place of a replica's."""

from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Max, QuerySet

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.management.dead_letters.letters import Attempt, Letter, Selection, renewed
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import aliases
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.signing import messages as signing

_PAGE_SIZE: Final = 500


def stores(selection: Selection) -> list["InboxStore"]:
    """The inbox of each database that is meant.

    Raises:
        CommandError: there is no such inbox; or numbers that mean letters of several inboxes.
    """
    known = aliases()
    if selection.database not in (None, *known):
        raise CommandError(
            f"There is no inbox in database {selection.database!r}; known: {', '.join(known)}."
        )
    found = [
        InboxStore(alias, selection) for alias in known if selection.database in (None, alias)
    ]
    if selection.ids and len(found) > 1:
        found = [store for store in found if store.count()] or found[:1]
        if len(found) > 1:
            where = ", ".join(store.using for store in found)
            raise CommandError(f"Several inboxes have such ids ({where}): add --database.")
    return found


class InboxStore:
    """A ``Store``: the inbox of one database, as it is when this is made."""

    def __init__(self, using: str, selection: Selection) -> None:
        self.using = using
        rows = ParkedMessage.objects.using(using).filter(status=ParkedMessage.Status.DEAD)
        if selection.ids:
            rows = rows.filter(pk__in=selection.ids)
        if selection.cqrs_id is not None:
            rows = rows.filter(cqrs_id=selection.cqrs_id)
        if selection.pk is not None:
            rows = rows.filter(row_pk=selection.row_pk)
        # What dies later, or again, is not counted, so it is not touched either.
        newest = rows.aggregate(newest=Max("pk"))["newest"]
        self._rows: QuerySet[ParkedMessage] = rows.filter(pk__lte=newest or 0)

    def count(self) -> int:
        """How many there are."""
        return self._rows.count()

    def browse(self) -> Iterator[Letter]:
        """Yields them, oldest first."""
        for page in self._pages():
            for row in page:
                yield _letter(row)

    def retry(self) -> Iterator[Attempt]:
        """Makes them due; the workers try them at once."""
        for page in self._pages():
            letters = []
            with transaction.atomic(using=self.using):
                for row in page:
                    row.body = _renewed(row)
                    # Still dead? Somebody else may be at it.
                    if parking.retry_now(self._rows.filter(pk=row.pk), row.body):
                        letters.append(_letter(row))
            for letter in letters:
                yield Attempt(letter)

    def purge(self) -> int:
        """Drops them."""
        return parking.discard(self._rows)

    def _pages(self) -> Iterator[list[Any]]:
        rows = self._rows.order_by("pk")
        page = list(rows[:_PAGE_SIZE])
        while page:
            yield page
            page = list(rows.filter(pk__gt=page[-1].pk)[:_PAGE_SIZE])


def _renewed(row: ParkedMessage) -> bytes:
    """The body to try; as it came where its signature is still to be checked."""
    raw = RawMessage.from_parked(row)
    if signing.keys() is not None and not raw.is_trusted:
        return raw.body
    return renewed(raw.body)


def _letter(row: ParkedMessage) -> Letter:
    name = f"#{row.pk} {row.cqrs_id or 'undecodable'} {row.row_pk or ''}".rstrip()
    return Letter(name, bytes(row.body), row.reason)
