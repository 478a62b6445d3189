"""A replica's part in finding drift: what it has under a master's keys, and what it should not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from dj_cqrs.inbox.models import LedgerEntry
from dj_cqrs.replica import hooks, mapping
from dj_cqrs.replica.message import key_text

_CHUNK_SIZE: Final = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that should be sent again.

    ``ahead_at`` is the revision that this replica knows, where a SYNC with the master's own would
    be refused: the master was restored, or the row was deleted here.
    """

    pk: Any
    ahead_at: int | None = None


@dataclass(slots=True)
class _Local:
    """What is known here of one key."""

    has_row: bool = False
    row_revision: int | None = None
    revision: int = -1
    is_deleted: bool = False
    updated_at: datetime | None = None

    def agrees(self, revision: int) -> bool:
        return self.has_row and self.row_revision == revision and self.revision <= revision

    def refuses(self, revision: int) -> bool:
        return self.revision > revision or (self.is_deleted and self.revision == revision)


def finds_rows(model: Any) -> bool:
    """Whether rows can be found here by the master's key; else only the ledger knows them."""
    return hooks.is_written_by_us(model, "cqrs_save")


def differences(
    model: Any, revisions: Mapping[Any, int], using: str, *, begun_at: datetime
) -> list[Difference]:
    """Compares a master's rows with those here.

    Args:
        model: the replica model.
        revisions: the master's revisions, by key as on the wire.
        using: database alias.
        begun_at: when the master began to list them; what changed there since is ahead of the
            list, not of the master.

    Returns:
        The rows that are missing here or have another revision.

    Raises:
        MappingError: a key is none of this model.
    """
    found = []
    items = list(revisions.items())
    for start in range(0, len(items), _CHUNK_SIZE):
        chunk = dict(items[start : start + _CHUNK_SIZE])
        known = _known(model, list(chunk), using)
        for pk, revision in chunk.items():
            local = known[pk]
            if local.agrees(revision):
                continue
            is_newer = local.updated_at is not None and local.updated_at >= begun_at
            is_ahead = local.refuses(revision) and not is_newer
            found.append(Difference(pk, local.revision if is_ahead else None))
    return found


def present(model: Any, pks: list[Any], using: str) -> list[Any]:
    """Those of a master's keys under which there is a row here."""
    known = _known(model, pks, using)
    return [pk for pk in pks if known[pk].has_row]


def ledger_keys(model: Any, using: str, page_size: int) -> Iterator[list[tuple[str, int]]]:
    """Yields key and revision of the rows that are alive by the ledger, a page at a time."""
    return _ledger_pages(model, using, page_size, is_deleted=False)


def tombstones(model: Any, using: str, page_size: int) -> Iterator[list[tuple[str, int]]]:
    """Yields key and revision of the deleted rows that are remembered, a page at a time."""
    return _ledger_pages(model, using, page_size, is_deleted=True)


def _ledger_pages(
    model: Any, using: str, page_size: int, *, is_deleted: bool
) -> Iterator[list[tuple[str, int]]]:
    entries: QuerySet[LedgerEntry] = LedgerEntry.objects.using(using).filter(
        cqrs_id=model.CQRS_ID, is_deleted=is_deleted, revision__gte=0
    )
    rows = entries.order_by("row_pk").values_list("row_pk", "revision")
    page = list(rows[:page_size])
    while page:
        yield page
        page = list(rows.filter(row_pk__gt=page[-1][0])[:page_size])


def _known(model: Any, pks: list[Any], using: str) -> dict[Any, _Local]:
    known = {pk: _Local() for pk in pks}
    _add_rows(model, known, using)
    _add_ledger(model, known, using)
    return known


def _add_rows(model: Any, known: dict[Any, _Local], using: str) -> None:
    if not finds_rows(model):
        return
    by_key = {mapping.to_python(model._meta.pk, pk): local for pk, local in known.items()}
    rows = model._base_manager.using(using).filter(pk__in=list(by_key))
    for key, revision, updated_at in rows.values_list("pk", *mapping.CQRS_FIELDS):
        local = by_key.get(key)
        if local is None:
            continue  # a collation may find more than was asked for
        local.has_row = True
        local.row_revision = local.revision = revision
        local.updated_at = mapping.to_aware(updated_at)


def _add_ledger(model: Any, known: dict[Any, _Local], using: str) -> None:
    by_text = {key_text(model, pk): local for pk, local in known.items()}
    entries = LedgerEntry.objects.using(using).filter(
        cqrs_id=model.CQRS_ID, row_pk__in=list(by_text), revision__gte=0
    )
    for entry in entries:
        local = by_text.get(entry.row_pk)
        if local is None:
            continue
        if not finds_rows(model):
            local.has_row = not entry.is_deleted
            local.row_revision = entry.revision
        local.is_deleted = entry.is_deleted
        local.revision = max(local.revision, entry.revision)
        if entry.master_updated_at is not None:
            local.updated_at = mapping.to_aware(entry.master_updated_at)
