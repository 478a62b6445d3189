"""What ``MasterMixin.save`` does around Django's own ``save``."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db import connections, router, transaction

from dj_cqrs.master import marking
from dj_cqrs.master.revisions import NextRevision

#: Of ``using`` among the positional arguments of ``Model.save``.
_USING_POSITION = 2

_FIELDS = frozenset({"cqrs_revision", "cqrs_updated"})


@contextmanager
def prepared(
    instance: Any,
    update_fields: Iterable[str] | None,
    update_cqrs_fields: bool,
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
) -> Iterator[frozenset[str] | None]:
    """Raises the revision for the save inside the block, in a transaction.

    Args:
        instance: what is saved.
        update_fields: as given to ``save``.
        update_cqrs_fields: whether a save of ``update_fields`` is sent.
        arguments: other arguments of ``save``, positional and by name.

    Yields:
        The ``update_fields`` to save with.
    """
    fields = None if update_fields is None else frozenset(update_fields)
    is_sent = instance.CQRS_PRODUCE and (fields is None or (bool(fields) and update_cqrs_fields))
    using = _using(instance, *arguments)
    with _transaction(using):
        if not is_sent:
            # In a transaction all the same: rows that embed this one may have to be sent.
            yield fields
            return
        before = {name: instance.__dict__[name] for name in _FIELDS if name in instance.__dict__}
        marking.before_save(instance, using)
        # Loaded even where the instance deferred it, so that Django saves it too.
        instance.__dict__.setdefault("cqrs_updated", None)
        try:
            yield None if fields is None else fields | _FIELDS
        finally:
            marking.after_save(instance, using)
            # Still there only if the row was not written.
            if isinstance(instance.__dict__.get("cqrs_revision"), NextRevision):
                for name in _FIELDS:
                    del instance.__dict__[name]
                instance.__dict__.update(before)


def _transaction(using: str) -> AbstractContextManager[Any]:
    """A transaction of its own only where there is none.

    An inner block would let an error that the caller handles break the caller's transaction.
    """
    if connections[using].in_atomic_block:
        return nullcontext()
    return transaction.atomic(using=using, savepoint=False)


def _using(instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    given: str | None = kwargs.get("using")
    if given is None and len(args) > _USING_POSITION:
        given = args[_USING_POSITION]
    return given or router.db_for_write(type(instance), instance=instance)
