"""What happens on the master: transactions of every kind of write, by small instructions."""

import itertools
from typing import Any, NamedTuple

from django.db import transaction
from hypothesis import strategies as st

from dj_cqrs.master.bulk_sync import SyncRequest, sync_rows
from tests.app.house_models import Guest, House, Room

#: Parents first.
MODELS: tuple[Any, ...] = (House, Room, Guest)
PARENTS = {Room: ("house", House), Guest: ("room", Room)}
KEYS = (1, 2)


class RolledBackError(Exception):
    """Ends a transaction or a savepoint without effect."""


class Write(NamedTuple):
    """One instruction. Which of the fields mean something depends on ``kind``."""

    kind: str
    model: Any
    pks: list[int]
    parent: int
    #: Whether an object is used that was read or written before, perhaps long ago.
    is_old_object: bool
    inner: "list[Write]"


def _writes(inner: "st.SearchStrategy[list[Write]]", *kinds: str) -> "st.SearchStrategy[Write]":
    return st.builds(
        Write,
        st.sampled_from(kinds),
        st.sampled_from(MODELS),
        st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True),
        st.sampled_from(KEYS),
        st.booleans(),
        inner,
    )


#: What is a transaction of its own most of the time.
one = _writes(
    st.just([]),
    *("put", "put", "put", "put", "delete", "delete", "delete"),
    *("put fields", "bulk create", "bulk update", "bulk delete", "sync", "sync direct"),
)
_nested = _writes(st.lists(one, min_size=1, max_size=3), "savepoint", "lost savepoint")
writes = st.lists(one | one | one | _nested, min_size=1, max_size=4)


class Writer:
    """The users of the master, with the objects that they have at hand."""

    def __init__(self) -> None:
        self._objects: dict[tuple[Any, int], Any] = {}
        self._numbers = itertools.count()

    def transact(self, writes: list[Write], *, is_lost: bool) -> None:
        """Makes the writes in one transaction, which may be lost at its end."""
        try:
            with transaction.atomic():
                for write in writes:
                    self._write(write)
                if is_lost:
                    raise RolledBackError
        except RolledBackError:
            pass

    def replacement(self, child: Any, pk: int) -> list[list[Write]]:
        """Transactions that make a row and its parent, delete both, and make both again."""
        put = Write("put", child, [pk], pk, False, [])
        delete = put._replace(kind="delete", model=PARENTS[child][1])
        return [[put], [delete], [put]]

    def sync_all(self, model: Any, queue: str | None) -> None:
        """Sends every row, as ``cqrs_sync`` does."""
        pks = list(model.objects.order_by("pk").values_list("pk", flat=True))
        report = sync_rows(SyncRequest(model, "default", queue), pks)
        assert not report.failures

    def _write(self, write: Write) -> None:
        match write.kind:
            case "put" | "put fields":
                self._put(write, only_name=write.kind == "put fields")
            case "savepoint" | "lost savepoint":
                self._savepoint(write)
            case _:
                self._write_rows(
                    write, write.model.objects.filter(pk__in=write.pks).order_by("pk")
                )

    def _write_rows(self, write: Write, rows: Any) -> None:
        model = write.model
        match write.kind:
            case "delete":
                for row in rows[:1]:
                    row.delete()
            case "bulk delete":
                rows.delete()
            case "bulk create":
                taken = set(rows.values_list("pk", flat=True))
                model.cqrs.bulk_create(
                    [self._new(model, pk, write.parent) for pk in write.pks if pk not in taken]
                )
            case "bulk update":
                model.cqrs.bulk_update(rows, name=self._name())
            case _:
                for row in rows:
                    row.cqrs_sync(queue="replica" if write.kind == "sync direct" else None)

    def _savepoint(self, write: Write) -> None:
        try:
            with transaction.atomic():
                for each in write.inner:
                    self._write(each)
                if write.kind == "lost savepoint":
                    raise RolledBackError
        except RolledBackError:
            pass

    def _put(self, write: Write, *, only_name: bool) -> None:
        model, pk = write.model, write.pks[0]
        row = self._objects.get((model, pk)) if write.is_old_object else None
        if row is None or row.pk is None:
            row = model.objects.filter(pk=pk).first()
        if row is None:
            row = self._new(model, pk, write.parent)
            row.save()
        elif only_name and model.objects.filter(pk=pk).exists():
            row.name = self._name()
            row.save(update_fields=["name"])
        else:
            row.name = self._name()
            self._set_parent(row, write.parent)
            row.save()
        self._objects[model, pk] = row

    def _new(self, model: Any, pk: int, parent: int) -> Any:
        row = model(pk=pk, name=self._name())
        self._set_parent(row, parent)
        return row

    def _set_parent(self, row: Any, parent: int) -> None:
        """Points the row to its parent, which is made where it is missing."""
        if type(row) not in PARENTS:
            return
        name, model = PARENTS[type(row)]
        found = model.objects.filter(pk=parent).first()
        if found is None:
            found = self._new(model, parent, parent)
            found.save()
        setattr(row, name, found)

    def _name(self) -> str:
        return f"name {next(self._numbers)}"
