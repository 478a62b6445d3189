"""Publishing to a mailbox."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from dj_cqrs.exceptions import BrokerUnreachableError, TransportError
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome
from dj_cqrs.transport.kombu.envelope import Letter, seal
from dj_cqrs.transport.kombu.mailbox import Mailbox

#: Connections that a fork inherited: never used, and kept from the garbage collector.
_inherited: Final[list[object]] = []


class MailboxPublisher:
    """A ``Publisher`` that connects when it is first used, and again after an error."""

    def __init__(self, open_mailbox: Callable[[], Mailbox], exchange: str) -> None:
        self._open_mailbox = open_mailbox
        self._exchange = exchange
        self._mailbox: Mailbox | None = None
        self._pid = os.getpid()

    def publish(
        self,
        messages: Sequence[OutgoingMessage],
        *,
        timeout_seconds: float,  # noqa: ARG002 (the address bounds each answer of the broker)
    ) -> list[PublishOutcome]:
        """Puts each message into the queues that are bound for it now.

        Raises:
            BrokerUnreachableError: no connection could be made.
            TransportError: the connection was lost.
        """
        if not messages:
            return []
        mailbox = self._connected()
        try:
            routes = mailbox.routes(self._exchange, {one.routing_key for one in messages})
            mailbox.put(
                [
                    (queue, self._seal(message))
                    for message in messages
                    for queue in routes[message.routing_key]
                ]
            )
        except BaseException:
            self.close()
            raise
        return [
            PublishOutcome.CONFIRMED if routes[one.routing_key] else PublishOutcome.UNROUTABLE
            for one in messages
        ]

    def wait(self, seconds: float) -> None:
        """Idles; there are no heartbeats to serve."""
        time.sleep(seconds)

    def close(self) -> None:
        """Closes the connection; ``publish`` opens another."""
        self._forget_inherited()
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.close()

    def _seal(self, message: OutgoingMessage) -> bytes:
        letter = Letter(message.body, message.routing_key, message.headers, message.message_id)
        return seal(letter, self._exchange)

    def _connected(self) -> Mailbox:
        self._forget_inherited()
        if self._mailbox is None:
            try:
                self._mailbox = self._open_mailbox()
            except TransportError as error:
                raise BrokerUnreachableError(str(error)) from error
        return self._mailbox

    def _forget_inherited(self) -> None:
        if self._pid != os.getpid():
            _inherited.append(self._mailbox)
            self._mailbox = None
            self._pid = os.getpid()
