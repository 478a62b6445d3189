"""An AMQP channel with calls that wait for the broker's answer."""

from collections.abc import Callable
from typing import Any, Final

from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosed

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.rabbit_mq.errors import lost
from dj_cqrs.transport.rabbit_mq.link import Link

#: Seconds for the broker's answer to one call; declaring a queue in a busy cluster is slow.
CALL_SECONDS: Final = 30.0

#: Codes with which the broker closes a channel.
ACCESS_REFUSED: Final = 403
NOT_FOUND: Final = 404
RESOURCE_LOCKED: Final = 405
PRECONDITION_FAILED: Final = 406


class LinkChannel:
    """A channel of a link.

    ``amqp`` is pika's channel, for what has no answer: publish, ack, reject.
    """

    def __init__(self, link: Link) -> None:
        """Opens the channel.

        Raises:
            TransportError: the connection is gone, or the broker does not answer.
        """
        self.link = link
        self._closed_by: BaseException | None = None
        self._answers: list[Any] = []
        try:
            self.amqp: Channel = link.connection.channel(on_open_callback=self._answers.append)
        except AMQPError as error:
            raise lost(link.where, error) from error
        self.amqp.add_on_close_callback(self._on_close)
        self._await("channel.open")

    def _on_close(self, _channel: Channel, reason: BaseException) -> None:
        self._closed_by = reason

    @property
    def is_closed(self) -> bool:
        """Whether the broker (or the loss of the connection) has closed the channel."""
        return self._closed_by is not None

    def call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        """Calls one of pika's channel methods and returns the broker's answer.

        Raises:
            ChannelClosed: the broker refused, and closed the channel.
            TransportError: the connection is gone, or the broker does not answer.
        """
        self._answers.clear()
        try:
            method(**arguments, callback=self._answers.append)
        except AMQPError as error:
            raise lost(self.link.where, error) from error
        self._await(getattr(method, "__name__", "a call"))
        return self._answers[0]

    def _await(self, what: str) -> None:
        answered = self.link.run(
            lambda: bool(self._answers) or self.is_closed, timeout_seconds=CALL_SECONDS
        )
        if isinstance(self._closed_by, ChannelClosed):
            raise self._closed_by
        if not answered:
            raise TransportError(f"The broker at {self.link.where} did not answer {what}.")

    def check(self) -> None:
        """Raises TransportError if the channel or its connection is known to be gone."""
        self.link.check()
        if self._closed_by is not None:
            raise lost(self.link.where, self._closed_by) from self._closed_by

    def close(self) -> None:
        """Closes the channel; safe to call on a closed one."""
        if self.amqp.is_open:
            self.amqp.close()
            self.link.run(lambda: self.amqp.is_closed, timeout_seconds=CALL_SECONDS)
