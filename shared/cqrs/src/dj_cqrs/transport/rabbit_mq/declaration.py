"""Creates on the broker what is missing, and leaves alone what is there.

Everything is looked up first (a passive declaration): a queue that django-cqrs declared has no
arguments, and declaring it with ours would be refused.
"""

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pika.exceptions import ChannelClosed

from dj_cqrs.exceptions import ConfigurationError, CQRSError
from dj_cqrs.transport.base import BrokerStatus
from dj_cqrs.transport.rabbit_mq.channel import (
    ACCESS_REFUSED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    RESOURCE_LOCKED,
    LinkChannel,
)
from dj_cqrs.transport.rabbit_mq.errors import lost
from dj_cqrs.transport.rabbit_mq.link import Link
from dj_cqrs.transport.topology import CLASSIC, Topology

#: A confirm then means: on disk at a majority. Limits and times are no arguments but policies:
#: arguments are frozen at creation, and redeclaring a queue with others is refused.
QUORUM: Final[Mapping[str, Any]] = {"x-queue-type": "quorum"}
#: What must be as declared here; all else (a queue's type, an alternate exchange) may differ.
_ESSENTIAL: Final = ("type", "durable", "auto_delete", "exclusive", "internal")


class State(enum.Enum):
    """How something was found on the broker."""

    CREATED = "created"
    EXISTS = "exists"
    #: Declared by others, with other arguments than ours.
    DIFFERS = "exists, declared with other arguments"
    #: Declared by somebody with more rights, with whatever arguments.
    UNKNOWN = "exists, with arguments that this user may not compare"

    @property
    def is_ours(self) -> bool:
        """Whether it is known to have the arguments that are declared here."""
        return self in {State.CREATED, State.EXISTS}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: str = "topic"


@dataclass(frozen=True, slots=True)
class Declared:
    """One thing on the broker, and how it was found."""

    kind: str
    name: str
    state: State

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.state.value}"


#: Declares one thing on a channel; ``passive=True`` only looks it up.
_Declaration = Callable[..., None]


def declare(link: Link, topology: Topology) -> list[Declared]:
    """Makes sure that everything of a replica exists; several processes may do so at once.

    Returns:
        What there is now, the replica's queue last.

    Raises:
        ConfigurationError: something exists and cannot be used, or we may not create it.
        TransportError: the connection is gone.
    """
    kept: Mapping[str, Any] = {}
    queue: Mapping[str, Any] = {}
    if topology.queue_type != CLASSIC:
        kept = QUORUM
        queue = {**QUORUM, "x-dead-letter-exchange": topology.dead_letter_exchange}
    declared = [
        declare_exchange(link, Exchange(topology.exchange)),
        declare_exchange(link, Exchange(topology.dead_letter_exchange, kind="fanout")),
        declare_queue(link, topology.dead_letter_queue, kept),
        declare_queue(link, topology.queue, queue),
    ]
    attempt(link, functools.partial(_bind, topology), f"the bindings of {topology.queue}")
    return declared


def unbind(link: Link, topology: Topology) -> None:
    """Removes the bindings of a replica's models; those that there are not are none to remove.

    Raises:
        ConfigurationError: we may not.
        TransportError: the connection is gone.
    """

    def remove(channel: LinkChannel) -> None:
        for binding in topology.bindings_of_models:
            channel.call(
                channel.amqp.queue_unbind,
                queue=binding.queue,
                exchange=binding.exchange,
                routing_key=binding.routing_key,
            )

    attempt(link, remove, f"the bindings of {topology.queue}")


def look_up(link: Link, queue: str) -> BrokerStatus:
    """Asks how many messages and consumers a queue has; it need not exist.

    Raises:
        ConfigurationError: we may not.
        TransportError: the connection is gone.
    """
    channel = LinkChannel(link)
    try:
        answer = channel.call(channel.amqp.queue_declare, queue=queue, passive=True)
    except ChannelClosed as error:
        if error.reply_code != NOT_FOUND:
            raise _refusal(link, error, f"queue {queue}") from error
        return BrokerStatus(link.where, queue)
    finally:
        channel.close()
    return BrokerStatus(
        link.where, queue, answer.method.message_count, answer.method.consumer_count
    )


def declare_exchange(link: Link, exchange: Exchange) -> Declared:
    """Makes sure that an exchange exists.

    Raises:
        ConfigurationError: it exists and cannot be used, or we may not create it.
        TransportError: the connection is gone.
    """

    def declaration(channel: LinkChannel, *, passive: bool) -> None:
        channel.call(
            channel.amqp.exchange_declare,
            exchange=exchange.name,
            exchange_type=exchange.kind,
            durable=True,
            passive=passive,
        )

    return _ensure(link, "exchange", exchange.name, declaration)


def declare_queue(link: Link, name: str, arguments: Mapping[str, Any]) -> Declared:
    """Makes sure that a durable queue exists.

    Raises:
        ConfigurationError: it exists and cannot be used, or we may not create it.
        TransportError: the connection is gone.
    """

    def declaration(channel: LinkChannel, *, passive: bool) -> None:
        channel.call(
            channel.amqp.queue_declare,
            queue=name,
            durable=True,
            passive=passive,
            arguments=dict(arguments),
        )

    return _ensure(link, "queue", name, declaration)


def _bind(topology: Topology, channel: LinkChannel) -> None:
    for binding in topology.bindings:
        channel.call(
            channel.amqp.queue_bind,
            queue=binding.queue,
            exchange=binding.exchange,
            routing_key=binding.routing_key,
        )


def _ensure(link: Link, kind: str, name: str, declaration: _Declaration) -> Declared:
    what = f"{kind} {name}"
    try:
        _on_own_channel(link, functools.partial(declaration, passive=True))
    except ChannelClosed as error:
        if error.reply_code != NOT_FOUND:
            raise _refusal(link, error, what) from error
        # Another process may be faster; declaring the same thing once more changes nothing.
        attempt(link, functools.partial(declaration, passive=False), what)
        return Declared(kind, name, State.CREATED)
    return Declared(kind, name, _compare(link, what, declaration))


def _compare(link: Link, what: str, declaration: _Declaration) -> State:
    """Declares what exists once more: the broker says whether it is as ours would be."""
    try:
        _on_own_channel(link, functools.partial(declaration, passive=False))
    except ChannelClosed as error:
        if error.reply_code == PRECONDITION_FAILED and not _is_unusable(error):
            return State.DIFFERS
        if error.reply_code != ACCESS_REFUSED:
            raise _refusal(link, error, what) from error
        return State.UNKNOWN
    return State.EXISTS


def _is_unusable(error: ChannelClosed) -> bool:
    return any(f"arg '{name}'" in error.reply_text for name in _ESSENTIAL)


def attempt(link: Link, call: Callable[[LinkChannel], None], what: str) -> None:
    """Makes calls on a channel of their own.

    Raises:
        ConfigurationError: the broker refuses; the text says what ``what`` needs.
        TransportError: the connection is gone.
    """
    try:
        _on_own_channel(link, call)
    except ChannelClosed as error:
        raise _refusal(link, error, what) from error


def _on_own_channel(link: Link, call: Callable[[LinkChannel], None]) -> None:
    """A call that is refused costs its channel, so each has one of its own."""
    channel = LinkChannel(link)
    try:
        call(channel)
    finally:
        channel.close()


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
