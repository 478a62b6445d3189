"""Creates on the broker what is missing, and leaves alone what is there.

Everything is looked up first (a passive declaration): a queue that django-cqrs declared has no
arguments, and declaring it with ours would be refused.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pika.exceptions import ChannelClosed

from dj_cqrs.exceptions import CQRSError, ConfigurationError
from dj_cqrs.transport.rabbit_mq.channel import (
    ACCESS_REFUSED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    RESOURCE_LOCKED,
    LinkChannel,
)
from dj_cqrs.transport.rabbit_mq.errors import lost
from dj_cqrs.transport.rabbit_mq.link import Link
from dj_cqrs.transport.topology import Topology

#: A confirm then means: on disk at a majority. Limits and times are no arguments but policies:
#: arguments are frozen at creation, and redeclaring a queue with others is refused.
QUORUM: Final[Mapping[str, Any]] = {"x-queue-type": "quorum"}


@dataclass(frozen=True, slots=True)
class Declared:
    """One thing on the broker, and whether this declaration created it."""

    kind: str
    name: str
    created: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {'created' if self.created else 'exists'}"


def declare(link: Link, topology: Topology) -> list[Declared]:
    """Makes sure that everything of a replica exists; several processes may do so at once.

    Raises:
        ConfigurationError: something exists and cannot be used, or we may not create it.
        TransportError: the connection is gone.
    """
    dead_letters = {**QUORUM, "x-dead-letter-exchange": topology.dead_letter_exchange}
    declared = [
        declare_exchange(link, topology.exchange),
        declare_exchange(link, topology.dead_letter_exchange, exchange_type="fanout"),
        _declare_queue(link, topology.dead_letter_queue, QUORUM),
        _declare_queue(link, topology.queue, dead_letters),
    ]
    _attempt(link, functools.partial(_bind, topology), f"bindings of queue {topology.queue}")
    return declared


def declare_exchange(link: Link, name: str, *, exchange_type: str = "topic") -> Declared:
    """Makes sure that a durable exchange of this type exists.

    Raises:
        ConfigurationError: it exists with another type, or we may not create it.
        TransportError: the connection is gone.
    """

    def call(channel: LinkChannel, *, passive: bool) -> None:
        channel.call(
            channel.amqp.exchange_declare,
            exchange=name,
            exchange_type=exchange_type,
            durable=True,
            passive=passive,
        )

    return _create_if_missing(link, call, Declared("exchange", name, created=False))


def _declare_queue(link: Link, name: str, arguments: Mapping[str, Any]) -> Declared:
    def call(channel: LinkChannel, *, passive: bool) -> None:
        channel.call(
            channel.amqp.queue_declare,
            queue=name,
            durable=True,
            passive=passive,
            arguments=dict(arguments),
        )

    return _create_if_missing(link, call, Declared("queue", name, created=False))


def _bind(topology: Topology, channel: LinkChannel) -> None:
    for binding in topology.bindings:
        channel.call(
            channel.amqp.queue_bind,
            queue=binding.queue,
            exchange=binding.exchange,
            routing_key=binding.routing_key,
        )


def _create_if_missing(link: Link, call: Callable[..., None], thing: Declared) -> Declared:
    what = f"{thing.kind} {thing.name}"
    exists = _attempt(link, functools.partial(call, passive=True), what, may_be_missing=True)
    if not exists:
        # Another process may be faster; declaring the same thing once more changes nothing.
        _attempt(link, functools.partial(call, passive=False), what)
    return Declared(thing.kind, thing.name, created=not exists)


def _attempt(
    link: Link, call: Callable[[LinkChannel], None], what: str, *, may_be_missing: bool = False
) -> bool:
    """Makes the call; returns False if what it is about is missing (and may be).

    A refused call costs its channel, so each call has its own.
    """
    channel = LinkChannel(link)
    try:
        call(channel)
    except ChannelClosed as error:
        if may_be_missing and error.reply_code == NOT_FOUND:
            return False
        raise _refusal(link, error, what) from error
    finally:
        channel.close()
    return True


def _refusal(link: Link, error: ChannelClosed, what: str) -> CQRSError:
    if error.reply_code == ACCESS_REFUSED:
        return ConfigurationError(
            f"The broker at {link.where} does not let this user declare {what}; "
            f"run cqrs_declare as one that may, or extend its permissions: {error.reply_text}"
        )
    if error.reply_code in (PRECONDITION_FAILED, RESOURCE_LOCKED):
        return ConfigurationError(
            f"On the broker at {link.where}, {what} exists but is not what is needed here; "
            f"delete it or choose another name in settings.CQRS: {error.reply_text}"
        )
    return lost(link.where, error)
