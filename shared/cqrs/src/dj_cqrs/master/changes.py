"""What a transaction did to each row in the end, folded from its marks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.master.marks import Change, Mark, Row


@dataclass(slots=True)
class RowChange:
    """All that happened to one row in one transaction."""

    model: Any
    pk: Any
    marks: list[Mark] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        """False where the row's state was only asked for."""
        return any(mark.change is not Change.SYNC for mark in self.marks)

    @property
    def is_new(self) -> bool:
        """Whether the transaction created the row, so that nobody outside ever saw it before."""
        changes = (mark.change for mark in self.marks)
        return next((c for c in changes if c is not Change.SYNC), None) is Change.CREATE

    @property
    def is_deleted(self) -> bool:
        """Whether the last thing that happened to the row is its deletion."""
        changes = (mark.change for mark in reversed(self.marks))
        return next((c for c in changes if c is not Change.SYNC), None) is Change.DELETE

    @property
    def is_replaced(self) -> bool:
        """Whether the row was deleted and another one created under its key."""
        return self.deleted_revision is not None and not self.is_deleted

    @property
    def instance(self) -> Any:
        """The user's object that changed the row last, if there is one."""
        objects = (mark.instance for mark in reversed(self.marks))
        return next((instance for instance in objects if instance is not None), None)

    @property
    def previous(self) -> dict[str, Any] | None:
        """Tracked values before the transaction; empty for a new row, None where unknown."""
        if self.is_new:
            return {}
        values = (mark.previous for mark in self.marks)
        return next((previous for previous in values if previous is not None), None)

    @property
    def is_previous_unknown(self) -> bool:
        """Whether users' code changed the row behind the mixin and only announced it."""
        return self.previous is None and any(
            mark.change is Change.UPDATE and mark.instance is not None for mark in self.marks
        )

    @property
    def deletion(self) -> TransportPayload | None:
        """The payload of the row's first deletion: the one of the row that others know."""
        return next((mark.deletion for mark in self.marks if mark.deletion is not None), None)

    @property
    def deleted_revision(self) -> int | None:
        """The revision of that deletion, or of one that is not sent."""
        return next((mark.revision for mark in self.marks if mark.revision is not None), None)

    @property
    def parents(self) -> frozenset[Any]:
        """Keys of the rows of the same model that the deleted row pointed to."""
        return frozenset().union(*(mark.parents for mark in self.marks))

    @property
    def sync_queues(self) -> list[str | None]:
        """Where the state was asked for; None stands for every replica."""
        return list(dict.fromkeys(mark.queue for mark in self.marks if mark.change is Change.SYNC))


def fold(marks: Iterable[Mark]) -> dict[Row, RowChange]:
    """Groups marks by row, in the order in which the rows were first touched."""
    changes: dict[Row, RowChange] = {}
    for mark in marks:
        change = changes.setdefault(mark.row, RowChange(mark.model, mark.pk))
        change.marks.append(mark)
    return changes


def by_model(changes: Iterable[RowChange]) -> dict[Any, list[RowChange]]:
    """Groups changes by model, in the order in which the models were first touched."""
    groups: dict[Any, list[RowChange]] = {}
    for change in changes:
        groups.setdefault(change.model, []).append(change)
    return groups
