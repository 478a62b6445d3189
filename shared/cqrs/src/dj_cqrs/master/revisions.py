"""The revision of a row: how it grows with a save, and what it truly is before a delete."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, F, IntegerField, Model, QuerySet, Value
from django.db.models.sql.subqueries import InsertQuery

from dj_cqrs.master.marks import Row

#: Keys in one statement: below the limit on parameters of every database.
CHUNK_SIZE = 500


class NextRevision(Expression):
    """The row's revision in the database plus ``step``; 0 where the row is new.

    One expression for both, since a save that means to update may turn into an insert. Never the
    instance's own value: that one may be stale.
    """

    def __init__(self, step: int) -> None:
        super().__init__(output_field=IntegerField())
        self.step = step

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Resolves by the kind of statement that it is part of."""
        if isinstance(query, InsertQuery):
            expression: Any = Value(0, output_field=IntegerField())
        else:
            expression = F("cqrs_revision") + self.step if self.step else F("cqrs_revision")
        return expression.resolve_expression(query, *args, **kwargs)


class Stored(NamedTuple):
    """What the database held of a row right before its deletion."""

    #: As the database has it, which may not be the form in which it was announced.
    pk: Any
    revision: int
    #: Read only where the model may keep rows at home, which depends on their fields.
    row: Model | None = None


class TrueRevisions:
    """Revisions of rows that are about to be deleted, read in bulk and under their locks.

    Django announces every row of a deletion (``pre_delete``) before its first statement, but not
    which announcement is the last. So the rows are read when that first statement comes: one
    query a model, not one a row.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._expected: dict[type[Model], list[Any]] = {}
        #: By key as announced.
        self._found: dict[Row, Stored] = {}
        #: Rows whose deletion was announced and not seen yet.
        self._announced: set[Row] = set()

    def expect(self, model: type[Model], pk: Any) -> None:
        """The row will be deleted by one of the next statements."""
        wrappers = self._connection.execute_wrappers
        if self._before_statement not in wrappers:
            # First in the list and there to stay: Django's own context manager removes the last
            # one. Looked up each time, since somebody may have emptied the list.
            wrappers.insert(0, self._before_statement)
        self._announced.add((model, pk))
        self._expected.setdefault(model, []).append(pk)

    def is_expected(self, model: type[Model], pk: Any) -> bool:
        """Whether the row's deletion was announced, and its revision looked for since then."""
        return (model, pk) in self._announced and pk not in self._expected.get(model, ())

    def outdate(self, model: type[Model], pk: Any) -> None:
        """The row was changed after its deletion was announced, as users' receivers may do.

        Its revision has grown, so it is read again by the statement that removes it.
        """
        if (model, pk) in self._announced:
            self._found.pop((model, pk), None)
            self._expected.setdefault(model, []).append(pk)

    def take(self, model: type[Model], pk: Any) -> Stored | None:
        """The row's revision, and the row if it matters; None if it was gone already."""
        self._announced.discard((model, pk))
        return self._found.pop((model, pk), None)

    def clear(self) -> None:
        """Forgets what an abandoned deletion left."""
        self._expected.clear()
        self._found.clear()
        self._announced.clear()

    def _before_statement(
        self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        # Django deletes in a transaction; without one, it is not Django who has announced this.
        if self._connection.in_atomic_block or not self._connection.get_autocommit():
            expected, self._expected = self._expected, {}
            for model, pks in expected.items():
                self._read(model, pks)
        return execute(sql, params, many, context)

    def _read(self, model: type[Model], pks: list[Any]) -> None:
        queryset = model._base_manager.using(self._connection.alias).select_for_update()
        for chunk in chunks(pks):
            rows: Any = queryset.filter(pk__in=chunk).order_by("pk")
            found = {stored.pk: stored for stored in _stored(model, rows)}
            for pk in known_otherwise(chunk, found):
                for stored in _stored(model, queryset.filter(pk=pk)):
                    found[pk] = stored
            self._found |= {(model, pk): stored for pk, stored in found.items()}


def _stored(model: Any, rows: "QuerySet[Any]") -> Iterator[Stored]:
    if sends_every_row(model):
        yield from (Stored(*values) for values in rows.values_list("pk", "cqrs_revision"))
    else:
        yield from (Stored(row.pk, row.cqrs_revision, row) for row in rows)


def sends_every_row(model: Any) -> bool:
    """Whether ``is_sync_instance`` is the mixin's, so that rows need not be loaded to ask it."""
    return bool(model.is_sync_instance.__module__ == "dj_cqrs.mixins")


def true_revisions_of(using: str) -> TrueRevisions:
    """Returns the reader of this thread's connection."""
    connection = connections[using]
    reader: TrueRevisions | None = connection.__dict__.get("_cqrs_true_revisions")
    if reader is None:
        reader = connection.__dict__["_cqrs_true_revisions"] = TrueRevisions(connection)
    return reader


def chunks(items: Sequence[Any], size: int = CHUNK_SIZE) -> Iterator[list[Any]]:
    """Splits a sequence into lists of at most ``size``."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def known_otherwise(pks: Iterable[Any], rows: Collection[Any]) -> list[Any]:
    """Keys under which the database found rows that it calls otherwise: "pl" is "PL" to some.

    Args:
        pks: what was asked for.
        rows: keys of the rows that were found.
    """
    asked = set(pks)
    if asked.issuperset(rows):
        return []
    return [pk for pk in asked if pk not in rows]
