"""Rows as the lines of a dump: what a SAVE would say of them, one JSON object each."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import DatabaseError

from dj_cqrs import wire
from dj_cqrs.connections import is_about_connection, persistently, snapshot
from dj_cqrs.master.revisions import chunks
from dj_cqrs.master.serialization import read_rows, spare_reading

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class DumpedRow:
    """One row: its line, or why it has none."""

    pk: Any
    line: str = ""
    error: Exception | None = None


def dump_rows(model: Any, pks: Sequence[Any], using: str) -> Iterator[DumpedRow]:
    """Yields rows in the order of their keys, read in bulk; those that are gone are left out.

    Args:
        model: the master model.
        pks: keys of the rows.
        using: database alias.

    Raises:
        OperationalError: the database is away.
    """
    for chunk in chunks(pks):
        yield from persistently(using, partial(_dump, model, chunk, using))


def _dump(model: Any, pks: list[Any], using: str) -> list[DumpedRow]:
    """Dumps a chunk; where the database refuses it, it is split until the culprit stands alone."""
    try:
        with snapshot(using):
            rows = {row.pk: row for row in read_rows(model, pks, using)}
            return [_dumped(rows[pk], using) for pk in pks if pk in rows]
    except Exception as error:
        if is_about_connection(error, using):
            raise
        if len(pks) == 1:
            return [DumpedRow(pks[0], error=error)]
    middle = len(pks) // 2
    return _dump(model, pks[:middle], using) + _dump(model, pks[middle:], using)


def _dumped(row: Any, using: str) -> DumpedRow:
    spare_reading(row)
    try:
        return DumpedRow(row.pk, _line(row.to_cqrs_dict(using)))
    except DatabaseError:
        raise  # the transaction may be broken, and with it the rows to come
    except Exception as error:  # noqa: BLE001  serializers raise what they like
        return DumpedRow(row.pk, error=error)


def _line(data: dict[str, Any]) -> str:
    """In ASCII, so that neither a terminal nor a locale can spoil it."""
    text = wire.encode(data).decode()
    return text if text.isascii() else _NOT_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
