"""Write protection: with ``CQRS_READ_ONLY`` only the consumer may change a replica's rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from django.db import models

from dj_cqrs.exceptions import ReadOnlyReplicaError

_is_applying: ContextVar[bool] = ContextVar("cqrs_is_applying", default=False)


@contextmanager
def applying() -> Iterator[None]:
    """Within it, replicas may be written: the consumer is at work, or a test sets up its rows."""
    token = _is_applying.set(True)
    try:
        yield
    finally:
        _is_applying.reset(token)


def refuse_write(model: type[models.Model]) -> None:
    """Raises for a read-only replica, unless the consumer is at work.

    Raises:
        ReadOnlyReplicaError: the model has ``CQRS_READ_ONLY`` and this is not the consumer.
    """
    if getattr(model, "CQRS_READ_ONLY", False) and not _is_applying.get():
        _raise(model)


def _raise(model: type[models.Model]) -> NoReturn:
    raise ReadOnlyReplicaError(
        f"{model.__name__} is a read-only replica: change the row on its master. "
        "(In tests, write within `dj_cqrs.replica.read_only.applying()`.)"
    )


class ReplicaQuerySet(models.QuerySet[Any]):
    """A queryset whose writing methods are refused for a read-only replica.

    The others (``create``, ``get_or_create``...) come to ``Model.save``, which refuses too.
    """

    def update(self, **kwargs: Any) -> int:
        """As in Django; refused outside the consumer."""
        refuse_write(self.model)
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """As in Django; refused outside the consumer."""
        refuse_write(self.model)
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        """As in Django; refused outside the consumer."""
        refuse_write(self.model)
        return super().bulk_create(*args, **kwargs)

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        """As in Django; refused outside the consumer."""
        refuse_write(self.model)
        return super().bulk_update(*args, **kwargs)

    bulk_update.alters_data = True  # type: ignore[attr-defined]


class ReplicaObjectsManager(models.Manager.from_queryset(ReplicaQuerySet)):  # type: ignore[misc]
    """The ``objects`` of replica models."""
