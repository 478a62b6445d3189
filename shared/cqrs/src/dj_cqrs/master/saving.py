"""What ``MasterMixin.save`` does around Django's own ``save``."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db import connections, router, transaction

from dj_cqrs import conf
from dj_cqrs.master import marking
from dj_cqrs.master.revisions import NextRevision

#: Of ``using`` among the positional arguments of ``Model.save``.
_USING_POSITION = 2

_FIELDS = frozenset({"cqrs_revision", "cqrs_updated"})


def is_sent_by_default(update_fields: frozenset[str]) -> bool:
    """Whether a save of some fields is sent where the caller says nothing about it.

    ``update_or_create`` adds the columns that change by themselves, ``cqrs_updated`` among them,
    so it is sent in direct mode too.
    """
    if update_fields & _FIELDS or conf.outbox_is_installed():
        return True
    return conf.config().master.auto_update_fields


@contextmanager
def prepared(
    instance: Any,
    update_fields: frozenset[str] | None,
    update_cqrs_fields: bool | None,
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
    fields = update_fields
    grows = fields is None or (fields and update_cqrs_fields)
    using = _using(instance, *arguments)
    with _transaction(using):
        if not grows:
            # In a transaction all the same: rows that embed this one may have to be sent.
            yield fields
            marking.saved_silently(instance, using)
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
