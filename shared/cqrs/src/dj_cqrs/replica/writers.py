"""The two ways to write what was decided: many rows at once, or one by one through the hooks."""

from typing import Any, Protocol

from django.db import models, transaction

from dj_cqrs.replica import bulk, database, hooks, mapping, parents
from dj_cqrs.replica.manager import delete_key
from dj_cqrs.replica.message import Message


class Writer(Protocol):
    """Takes the messages of one model that were found to be news, in the order of delivery."""

    def write(self, message: Message) -> None:
        """Writes one message, now or in ``flush``.

        Raises:
            Exception: this message cannot be applied; the others can.
        """

    def flush(self) -> None:
        """Writes what is left.

        Raises:
            Exception: some message cannot be applied; it is not known which.
        """


def writer_for(model: Any, using: str) -> Writer:
    """The fastest writer that has the same effect as the model's hooks."""
    if bulk.can_apply_in_bulk(model, using):
        return BulkWriter(model, using)
    return HookWriter(using)


class HookWriter:
    """Calls the hooks for each message, in a savepoint of its own."""

    def __init__(self, using: str) -> None:
        self._using = using

    def write(self, message: Message) -> None:
        """Calls the hooks; what they wrote is gone again if they fail."""
        with transaction.atomic(using=self._using):
            hooks.call(message)
            if transaction.get_rollback(using=self._using):
                # Django undoes all of the hook's writes then, and says nothing.
                raise hooks.HookError("The hook went on after an error of the database.")
            database.check_constraints(self._using)

    def flush(self) -> None:
        """Nothing is left."""


class BulkWriter:
    """Folds the messages into the last state of every row, and writes all rows at the end."""

    def __init__(self, model: Any, using: str) -> None:
        self._model = model
        self._using = using
        self._rows: dict[Any, dict[str, Any]] = {}
        self._deleted: set[Any] = set()

    def write(self, message: Message) -> None:
        """Adds a message; its values are checked, but nothing is written yet."""
        data = message.payload.instance_data
        if message.is_delete:
            pk = delete_key(self._model, data)
            self._deleted.add(pk)
            self._rows.pop(pk, None)
            return
        row = mapping.to_attributes(self._model, mapping.map_instance_data(self._model, data))
        pk = row[self._model._meta.pk.attname]
        # An earlier message may have brought fields that this one does not have.
        self._rows[pk] = self._rows.get(pk, {}) | row

    def flush(self) -> None:
        """Deletes first: a row that was deleted and created again starts anew."""
        bulk.delete(self._model, sorted(self._deleted, key=str), self._using)
        bulk.upsert(self._model, self._rows.values(), self._using)
        if self._deleted or _has_deferrable_constraints(self._model):
            database.check_constraints(self._using)


def _has_deferrable_constraints(model: Any) -> bool:
    if parents.constrained_keys(model):
        return True
    return any(
        isinstance(constraint, models.UniqueConstraint) and constraint.deferrable
        for constraint in model._meta.constraints
    )
