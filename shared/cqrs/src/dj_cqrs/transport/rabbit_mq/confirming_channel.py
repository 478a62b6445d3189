"""Publishing over one connection with pipelined confirms."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pika
from pika.exceptions import AMQPError, ShortStringTooLong, UnsupportedAMQPFieldException

from dj_cqrs.fail_points import reach
from dj_cqrs.transport.base import OutgoingMessage
from dj_cqrs.transport.confirms import PendingConfirms
from dj_cqrs.transport.rabbit_mq.channel import LinkChannel
from dj_cqrs.transport.rabbit_mq.errors import describe, lost
from dj_cqrs.transport.rabbit_mq.link import Link

logger = logging.getLogger("django-cqrs")

#: Messages sent and not confirmed yet. More only fills buffers, it makes nothing faster.
WINDOW: Final = 500

#: Messages of the contract are persistent, and called plain text although they are JSON.
PERSISTENT: Final = 2
CONTENT_TYPE: Final = "text/plain"
#: The broker closes the channel on a longer expiration.
MAX_EXPIRATION_MS: Final = 2**32 - 1


class ConfirmingChannel:
    """A channel in confirm mode that publishes to one exchange.

    After an error, or a batch that was not settled in time, it must be thrown away: a confirm
    that comes late must not be taken for one of a later batch.
    """

    def __init__(self, link: Link, exchange: str, *, max_body_bytes: int | None = None) -> None:
        self._exchange = exchange
        self._max_body_bytes = max_body_bytes
        self._channel = LinkChannel(link)
        self._amqp = self._channel.amqp
        self._amqp.add_on_return_callback(self._on_return)
        self._channel.call(self._amqp.confirm_delivery, ack_nack_callback=self._on_confirm)
        self._last_tag = 0
        self._pending = PendingConfirms([])
        self._unsent: Iterator[tuple[int, OutgoingMessage]] = iter(())
        # One object for all messages: each is encoded at once, and making one is slow.
        self._properties = pika.BasicProperties(
            content_type=CONTENT_TYPE, delivery_mode=PERSISTENT
        )

    def publish(
        self, messages: Sequence[OutgoingMessage], *, timeout_seconds: float
    ) -> PendingConfirms:
        """Sends the messages and waits for the broker's word on each.

        Returns:
            What is known of them; not settled if the time was over before.

        Raises:
            TransportError: the connection was lost, or the broker closed the channel.
        """
        self._pending = PendingConfirms(messages)
        self._unsent = iter(list(enumerate(messages)))
        try:
            self._fill_window()
        except AMQPError as error:
            raise lost(self._channel.link.where, error) from error
        self._channel.link.run(self._is_done, timeout_seconds=timeout_seconds)
        self._channel.check()
        return self._pending

    def check(self) -> None:
        """Raises TransportError if the channel or its connection is known to be gone."""
        self._channel.check()

    def _is_done(self) -> bool:
        return self._pending.is_settled or self._channel.is_closed

    def _fill_window(self) -> None:
        """Sends until the window is full; called again as confirms make room."""
        while self._pending.in_flight < WINDOW:
            position, message = next(self._unsent, (0, None))
            if message is None:
                return
            self._send(position, message)

    def _send(self, position: int, message: OutgoingMessage) -> None:
        if self._max_body_bytes is not None and len(message.body) > self._max_body_bytes:
            self._refuse(position, message, f"the broker takes {self._max_body_bytes} bytes")
            return
        self._properties.message_id = message.message_id
        self._properties.headers = dict(message.headers) or None
        self._properties.expiration = _milliseconds(message.expiration_seconds)
        try:
            self._amqp.basic_publish(
                self._exchange, message.routing_key, message.body, self._properties, mandatory=True
            )
        except (ShortStringTooLong, UnsupportedAMQPFieldException) as error:
            # Found while encoding, so that nothing was sent.
            self._refuse(position, message, describe(error))
            return
        self._last_tag += 1
        self._pending.sent(position, self._last_tag)

    def _refuse(self, position: int, message: OutgoingMessage, reason: str) -> None:
        """The fault of one message must not fail the others."""
        logger.error(
            "CQRS message %s for %s cannot be sent: %s.",
            message.message_id,
            message.routing_key,
            reason,
        )
        self._pending.not_sendable(position)

    def _on_confirm(self, frame: Any) -> None:
        reach("relay.published")
        method = frame.method
        if isinstance(method, pika.spec.Basic.Ack):
            self._pending.acked(method.delivery_tag, multiple=method.multiple)
        else:
            self._pending.nacked(method.delivery_tag, multiple=method.multiple)
        if self._amqp.is_open:
            self._fill_window()

    def _on_return(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._pending.returned(properties.message_id)


def _milliseconds(expiration_seconds: float | None) -> str | None:
    """What the broker cannot count to is for ever."""
    if expiration_seconds is None or expiration_seconds * 1000 > MAX_EXPIRATION_MS:
        return None
    return str(int(expiration_seconds * 1000))
