"""Marks: what changed in the running transaction, kept where Django keeps ``on_commit`` hooks.

A mark is itself an ``on_commit`` hook, so Django drops it with its savepoint or transaction, and
users' tests see it with ``captureOnCommitCallbacks``. Knows nothing of serialization or outboxes.
"""

import enum
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.fail_points import reach
from dj_cqrs.registries import MasterRegistry


class Change(enum.Enum):
    """What a mark stands for."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    #: A row that other rows' payloads embed was saved; see ``master.related``.
    RELATED = "related"
    #: The state was asked for; nothing changed.
    SYNC = "sync"
    #: A save that is not sent: it counts as a save of its object, and for nothing else.
    UNSENT = "unsent"
    #: A change of a row whose model does not produce: its revision grows, and nobody is told.
    KEPT = "kept"


#: Changes with a revision of their own.
_CHANGES = frozenset({Change.CREATE, Change.UPDATE, Change.DELETE, Change.KEPT})
_SAVES = frozenset({Change.CREATE, Change.UPDATE, Change.UNSENT, Change.KEPT})


Row = tuple[type[Model], Any]


def row_of(instance: Model) -> Row:
    """The row's identity, with the key as the database gives it back.

    An object may hold its key in another form: ``Author(pk="1")``.
    """
    model = model_of(type(instance))
    try:
        return model, model._meta.pk.to_python(instance.pk)
    except ValidationError:
        return model, instance.pk


def model_of(model: Any) -> type[Model]:
    """The model that rows of a class are recorded as: the concrete one, or a registered proxy."""
    concrete: type[Model] = model._meta.concrete_model or model
    registered: Any = MasterRegistry.models.get(getattr(model, "CQRS_ID", None) or "")
    if registered is not None and registered._meta.concrete_model is concrete:
        concrete = registered
    return concrete


class Mark:
    """One change of one row in the running transaction."""

    __slots__ = (
        "change",
        "deletion",
        "finish",
        "instance",
        "is_counted",
        "is_recorded",
        "messages",
        "model",
        "parents",
        "path",
        "pk",
        "previous",
        "queue",
        "revision",
        "using",
    )

    def __init__(
        self,
        change: Change,
        model: type[Model],
        pk: Any,
        using: str,
        *,
        instance: Any = None,
        previous: dict[str, Any] | None = None,
        queue: str | None = None,
        path: str = "",
        parents: frozenset[Any] = frozenset(),
    ) -> None:
        self.change = change
        self.model = model
        self.pk = pk
        self.using = using
        #: The user's object, which is asked for ``is_sync_instance`` and the metadata.
        self.instance = instance
        #: Values of the tracked fields before this change, on the wire's terms.
        self.previous = previous
        #: The single queue that a SYNC goes to.
        self.queue = queue
        #: For RELATED: the lookup from ``model`` to the row that was saved.
        self.path = path
        #: Of a DELETE: its payload, made while the user's object still had its key; None where
        #: the row stays at home.
        self.deletion: TransportPayload | None = None
        #: Of a DELETE: its revision.
        self.revision: int | None = None
        #: Of a DELETE: keys of the rows of its own model that it pointed to.
        self.parents = parents
        #: Recorded and not handed on yet: in direct mode, until the commit.
        self.messages: list[TransportPayload] = []
        self.is_recorded = False
        #: Whether it still counts as a save of its object.
        self.is_counted = change in _SAVES
        self.finish: Callable[[Mark], None] | None = None

    @property
    def row(self) -> Row:
        """The row's identity within its database; that of a RELATED mark is no row's."""
        if self.change is Change.RELATED:
            return self.model, (self.path, self.pk)
        return self.model, self.pk

    def __call__(self) -> None:
        """Called by Django after the commit."""
        if self.finish is not None:
            self.finish(self)


class Marks:
    """The surviving, unrecorded marks of one connection, by row.

    Django replaces the list of hooks whenever it drops some (savepoint or transaction rolled
    back, hooks run, connection closed), so a changed list means: look again.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._hooks: list[Any] | None = None
        self._by_row: dict[Row, list[Mark]] = {}
        #: Tracked values that were read for a save in progress.
        self.previous: dict[Row, dict[str, Any] | None] = {}

    def add(self, mark: Mark) -> None:
        """Registers a mark; without a transaction it takes effect at once."""
        connection = self._connection
        self._look_again()
        if connection.in_atomic_block:
            _on_commit(mark, connection.alias)
        elif not connection.get_autocommit():
            # Django refuses on_commit() under manual transaction management, but keeps the list.
            connection.run_on_commit.append((set(), mark, False))  # type: ignore[arg-type]
        else:
            mark()
            return
        self._by_row.setdefault(mark.row, []).append(mark)

    def of(self, model: type[Model], pk: Any) -> list[Mark]:
        """The row's marks in order; empty if nothing that survives was done to it."""
        self._look_again()
        return [mark for mark in self._by_row.get((model, pk), ()) if not mark.is_recorded]

    def pending_of(self, mark: Mark) -> list[Mark]:
        """The mark and the unrecorded ones of its row that came after it."""
        marks = self.of(*mark.row)
        return marks[marks.index(mark) :] if mark in marks else [mark]

    def is_changed(self, model: type[Model], pk: Any) -> bool:
        """Whether a surviving change has raised the row's revision already."""
        return any(mark.change in _CHANGES for mark in self.of(model, pk))

    def saves_of(self, instance: Model) -> list[Mark]:
        """The object's own surviving saves, but for those that it was told to forget."""
        marks = self.of(*row_of(instance))
        return [mark for mark in marks if mark.instance is instance and mark.is_counted]

    def pending(self) -> list[Mark]:
        """All surviving marks that were not recorded, in order."""
        return [mark for mark in self.all() if not mark.is_recorded]

    def all(self) -> list[Mark]:
        """All surviving marks, in order."""
        return list(self._in_hooks())

    def _look_again(self) -> None:
        if self._hooks is self._connection.run_on_commit:
            return
        self._hooks = self._connection.run_on_commit
        self._by_row = {}
        for mark in self._in_hooks():
            if not mark.is_recorded:
                self._by_row.setdefault(mark.row, []).append(mark)

    def _in_hooks(self) -> Iterator[Mark]:
        return (hook for _, hook, *_ in self._connection.run_on_commit if isinstance(hook, Mark))


def _on_commit(mark: Mark, using: str) -> None:
    """By the name, and with the arguments, that users' tests replace to have hooks run at once."""
    if using == DEFAULT_DB_ALIAS:
        transaction.on_commit(mark)
    else:
        transaction.on_commit(mark, using=using)


def marks_of(using: str, before_commit: Callable[[BaseDatabaseWrapper], bool]) -> Marks:
    """Returns the marks of this thread's connection, with its commit wrapped once.

    Django has no hook before a commit. ``_commit`` of the connection object is what the end of
    the outermost ``atomic`` and a manual ``commit()`` both call.

    Args:
        using: database alias.
        before_commit: called inside the transaction when all is done but the commit; returns
            whether rows have changed. What it raises rolls the transaction back.
    """
    connection = connections[using]
    marks: Marks | None = connection.__dict__.get("_cqrs_marks")
    if marks is None:
        marks = Marks(connection)
        connection.__dict__["_cqrs_marks"] = marks
        commit = connection._commit  # type: ignore[attr-defined]

        def _commit() -> None:
            try:
                has_changed = before_commit(connection)
            except BaseException:
                connection.rollback()
                raise
            commit()
            if has_changed:
                reach("master.committed")

        connection.__dict__["_commit"] = _commit
    return marks
