"""Dead letters wherever they are kept: in the inbox's tables, and in the broker's queue."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.core.management.base import CommandError

from dj_cqrs import conf
from dj_cqrs.exceptions import TransportError
from dj_cqrs.management.dead_letters.in_broker import BrokerStore
from dj_cqrs.management.dead_letters.letters import Attempt, Letter, Selection, Store
from dj_cqrs.transport.base import BaseTransport
from dj_cqrs.transport.selection import transport_class

__all__ = [
    "Attempt",
    "Letter",
    "Opened",
    "Selection",
    "Store",
    "broker_keeps_letters",
    "has_store",
    "opened",
]


def has_store() -> bool:
    """Whether this service keeps dead letters anywhere."""
    return conf.inbox_is_installed() or broker_keeps_letters()


@dataclass(frozen=True, slots=True)
class Opened:
    """The stores that may hold selected letters; ``unreachable`` says why one is missing."""

    stores: list[Store]
    unreachable: TransportError | None = None


@contextmanager
def opened(selection: Selection) -> Iterator[Opened]:
    """The stores that may hold selected letters, connected.

    An inbox is of use without the broker too; then its absence is only told.

    Raises:
        TransportError: the broker cannot be reached, and there is no inbox.
        CommandError: the selection makes no sense here.
    """
    stores: list[Store] = []
    if conf.inbox_is_installed():
        from dj_cqrs.management.dead_letters import in_inbox

        stores += in_inbox.stores(selection)
    elif selection.is_of_inbox:
        raise CommandError("--id and --database choose letters of an inbox; there is none here.")
    if not broker_keeps_letters() or selection.is_of_inbox:
        yield Opened(stores)
        return
    try:
        queue = transport_class().dead_letters()
    except TransportError as error:
        if not stores:
            raise
        yield Opened(stores, error)
        return
    try:
        yield Opened([*stores, BrokerStore(queue, selection)])
    finally:
        queue.close()


def broker_keeps_letters() -> bool:
    """Whether the transport has overridden the one method that is needed."""
    own = getattr(transport_class().dead_letters, "__func__", None)
    return own is not BaseTransport.dead_letters.__func__  # type: ignore[attr-defined]
