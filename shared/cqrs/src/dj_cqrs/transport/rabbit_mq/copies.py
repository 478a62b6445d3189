"""The copy of a failed message that goes back to the broker.

Whatever a stranger's message holds, its copy can be sent: a failed message that cannot even be
kept would come again for ever.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

import pika
from pika.exceptions import AMQPError

from dj_cqrs.signing.messages import JUDGED_HEADERS
from dj_cqrs.transport.base import (
    MAX_REASON,
    REASON_HEADER,
    Delivery,
    OutgoingMessage,
    headers_of_copy,
)
from dj_cqrs.transport.topology import MAX_NAME_OCTETS, RoutingKey

#: Header of a message that waits: milliseconds, as text. It selects the delay queue.
DELAY_HEADER: Final = "cqrs-delay"

#: What the broker itself writes into headers; sent by a client it is ignored, or refused.
_OF_THE_BROKER: Final = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-", "x-acquired")
#: Sent by a client, these route the message to more queues.
_ROUTING: Final = frozenset({"CC", "BCC"})
#: All headers must fit into one frame, and the smallest that a broker insists on is this.
_MAX_HEADER_OCTETS: Final = 64 * 1024


def delayed_copy(
    delivery: Delivery, *, key: RoutingKey, body: bytes, delay_ms: int
) -> OutgoingMessage:
    """What is sent to wait for so many milliseconds."""
    headers = _headers(delivery, {DELAY_HEADER: str(delay_ms)})
    return _copy(delivery, _sendable_key(key, delivery), body, headers)


def dead_copy(
    delivery: Delivery,
    *,
    key: RoutingKey | None,
    body: bytes,
    reason: str,
    ttl_seconds: float | None,
) -> OutgoingMessage:
    """What is sent to the dead letter queue; without a key it keeps the delivery's."""
    words = reason[:MAX_REASON].encode("utf-8", "replace").decode()
    routing_key = delivery.routing_key if key is None else _sendable_key(key, delivery)
    headers = _headers(delivery, {REASON_HEADER: words})
    return _copy(delivery, routing_key, body, headers, ttl_seconds)


def same_copy(delivery: Delivery) -> OutgoingMessage:
    """The message as it came."""
    return _copy(delivery, delivery.routing_key, delivery.body, _headers(delivery, {}))


def renewed_copy(delivery: Delivery, *, key: RoutingKey, body: bytes) -> OutgoingMessage:
    """A dead letter on a new journey: with this body, and without the reason of its death."""
    headers = _headers(delivery, {})
    headers.pop(REASON_HEADER, None)
    return _copy(delivery, _sendable_key(key, delivery), body, headers)


def _copy(
    delivery: Delivery,
    routing_key: str,
    body: bytes,
    headers: Mapping[str, Any],
    ttl_seconds: float | None = None,
) -> OutgoingMessage:
    return OutgoingMessage(
        message_id=str(uuid.uuid4()),
        routing_key=routing_key,
        body=body,
        headers=headers_of_copy(delivery, headers, routing_key=routing_key, body=body),
        expiration_seconds=ttl_seconds,
    )


def _sendable_key(key: RoutingKey, delivery: Delivery) -> str:
    """A ``CQRS_ID`` comes out of a body, so that it may be anything."""
    text = str(key)
    try:
        is_sendable = len(text.encode("utf-8")) <= MAX_NAME_OCTETS
    except UnicodeEncodeError:
        is_sendable = False
    return text if is_sendable else delivery.routing_key


def _headers(delivery: Delivery, ours: Mapping[str, str]) -> dict[str, Any]:
    """The delivery's headers as far as they can be sent (pika reads floats, and writes none)."""
    theirs = {
        name: value
        for name, value in delivery.headers.items()
        if name not in _ROUTING
        and name != DELAY_HEADER
        and not name.startswith(_OF_THE_BROKER)
        and _octets({name: value}) is not None
    }
    if (_octets(theirs) or 0) > _MAX_HEADER_OCTETS:
        theirs = {name: theirs[name] for name in JUDGED_HEADERS if name in theirs}
    if (_octets(theirs) or 0) > _MAX_HEADER_OCTETS:
        theirs = {}
    return {**theirs, **ours}


def _octets(headers: dict[str, Any]) -> int | None:
    try:
        pieces = pika.BasicProperties(headers=headers).encode()
    except (AMQPError, ValueError, OverflowError, RecursionError):
        return None
    return sum(len(piece) for piece in pieces)
