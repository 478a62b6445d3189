"""Helpers of the public contract, under the name that the contract gave them."""

import datetime as dt
import uuid
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, Self

from django.utils import timezone

from dj_cqrs import conf
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.state import cqrs_state
from dj_cqrs.timeouts import apply_query_timeouts

__all__ = [
    "apply_query_timeouts",
    "bulk_relate_cqrs_serialization",
    "get_delay_queue_max_size",
    "get_json_valid_value",
    "get_message_expiration_dt",
    "get_messages_prefetch_count_per_worker",
]


def get_message_expiration_dt(message_ttl: int | None = None) -> dt.datetime | None:
    """When a message that is made now expires.

    Args:
        message_ttl: seconds; without it, ``CQRS['master']['CQRS_MESSAGE_TTL']``.

    Returns:
        An aware datetime; None for never.
    """
    ttl = conf.config().master.message_ttl_seconds if message_ttl is None else message_ttl
    if ttl is None:
        return None
    now = timezone.now()  # by this name, which users' tests replace
    if timezone.is_naive(now):
        now = timezone.make_aware(now)
    return now + dt.timedelta(seconds=ttl)


def get_delay_queue_max_size() -> int | None:
    """``CQRS['replica']['delay_queue_max_size']``; None for no limit, or for no replica at all.

    A service with replica models has that key, whether its settings say so or not.
    """
    config = conf.config()
    is_replica = "replica" in config.raw or bool(ReplicaRegistry.models)
    return config.replica.delay_queue_max_size if is_replica else None


def get_messages_prefetch_count_per_worker() -> int:
    """How many messages one worker of the contract takes at once: one more than it can delay.

    Returns:
        The number; 0 for no limit.
    """
    size = get_delay_queue_max_size()
    return 0 if size is None else size + 1


def get_json_valid_value(value: Any) -> Any:
    """The text of a date, a datetime or a UUID; any other value as it is."""
    return str(value) if isinstance(value, (dt.date, uuid.UUID)) else value


class bulk_relate_cqrs_serialization(ContextDecorator):  # noqa: N801 - the contract's name
    """Reads the rows that a block of code saves together; a context manager and a decorator.

    Every transaction does so by itself: its rows are read once for each model and database, at
    its end, through ``relate_cqrs_serialization``. So this only tells other code, by
    ``cqrs_state.bulk_relate_cm``, that it runs in such a block. Nothing is kept from one
    transaction to the next, which is what would make the second one's messages old. Saves that
    are transactions of their own (autocommit) are read one by one, here as elsewhere: put
    ``transaction.atomic()`` around a loop of them.

    Args:
        cqrs_id: the model that is meant; None for all.
    """

    def __init__(self, cqrs_id: str | None = None) -> None:
        self.cqrs_id = cqrs_id
        self._outer: list[bulk_relate_cqrs_serialization | None] = []

    def __enter__(self) -> Self:
        self._outer.append(cqrs_state.bulk_relate_cm)
        cqrs_state.bulk_relate_cm = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        cqrs_state.bulk_relate_cm = self._outer.pop()

    def _recreate_cm(self) -> Self:
        """A decorated function may run in several threads at once."""
        return type(self)(self.cqrs_id)
