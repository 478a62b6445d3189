"""Publishes batches with pipelined confirms: what the relay uses."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Final

import pika

from dj_cqrs.exceptions import BrokerUnreachableError, TransportError
from dj_cqrs.transport.base import OutgoingMessage, PublishOutcome
from dj_cqrs.transport.rabbit_mq.confirming_channel import ConfirmingChannel
from dj_cqrs.transport.rabbit_mq.declaration import Exchange, declare_exchange
from dj_cqrs.transport.rabbit_mq.errors import size_limit
from dj_cqrs.transport.rabbit_mq.link import Link

#: Connections that a fork inherited. They are the parent's: never written to, never closed, and
#: kept from the garbage collector, which would close them.
_inherited: Final[list[object]] = []


class ConfirmingPublisher:
    """A ``Publisher`` that connects when it is first used, and again after an error.

    One per thread. A process that was forked after the connection was made gets its own.
    """

    def __init__(
        self, parameters: Callable[[], Sequence[pika.ConnectionParameters]], exchange: Exchange
    ) -> None:
        """Prepares a publisher; connects nothing yet.

        Args:
            parameters: where the broker's nodes are; called for each connection, so that changed
                credentials are seen.
            exchange: where to publish to; created if it is missing.
        """
        self._parameters = parameters
        self._exchange = exchange
        self._link: Link | None = None
        self._channel: ConfirmingChannel | None = None
        self._max_body_bytes: int | None = None
        self._pid = os.getpid()

    def publish(
        self, messages: Sequence[OutgoingMessage], *, timeout_seconds: float
    ) -> list[PublishOutcome]:
        """Sends all messages and waits for the broker's word on each, in the order given.

        Connecting takes part of the time. A message that is not confirmed in it has failed,
        although it may be in a queue. One
        that is larger than the broker takes fails alone as soon as that limit is known; the
        batch that finds it out ends in a TransportError.

        Raises:
            BrokerUnreachableError: no connection could be made, or the broker blocks publishers
                for too long.
            TransportError: the connection was lost, or the broker refused the batch. The outcome
                of every message is unknown then; the next call connects anew.
            ConfigurationError: the exchange exists and is none to publish to, or the broker
                does not let us create it.
        """
        if not messages:
            return []
        deadline = time.monotonic() + timeout_seconds
        try:
            channel = self._connected(deadline)
            pending = channel.publish(
                messages, timeout_seconds=max(deadline - time.monotonic(), 0.0)
            )
        except TransportError as error:
            # One message that is too large would fail its whole batch again and again.
            self._max_body_bytes = size_limit(error) or self._max_body_bytes
            self.close()
            raise
        except BaseException:
            self.close()
            raise
        if not pending.is_settled:
            self.close()
        elif self._link is not None:
            self._link.deadline = None
        return pending.outcomes()

    def prepare(self, declaration: Callable[[Link], object]) -> None:
        """Declares something on the connection of this publisher.

        Raises:
            TransportError: the connection was lost; the next call connects anew.
            ConfigurationError: the broker refuses the declaration.
        """
        self._connected()
        assert self._link is not None
        try:
            declaration(self._link)
        except BaseException:
            self.close()
            raise

    def _connected(self, deadline: float | None = None) -> ConfirmingChannel:
        self._forget_inherited()
        self._drop_if_lost()
        if self._channel is None:
            try:
                self._channel = self._connect(deadline)
            except TransportError as error:
                raise BrokerUnreachableError(str(error)) from error
        elif self._link is not None:
            self._link.deadline = deadline
        return self._channel

    def _connect(self, deadline: float | None) -> ConfirmingChannel:
        self._link = Link(self._parameters(), deadline=deadline)
        declare_exchange(self._link, self._exchange)
        return ConfirmingChannel(
            self._link, self._exchange.name, max_body_bytes=self._max_body_bytes
        )

    def _drop_if_lost(self) -> None:
        """A connection that was lost while nobody used it is no error of the next batch."""
        if self._link is None or self._channel is None:
            return
        try:
            self._link.serve()
            self._channel.check()
        except TransportError:
            self.close()

    def _forget_inherited(self) -> None:
        if self._pid != os.getpid():
            _inherited.extend((self._link, self._channel))
            self._link = self._channel = None
            self._pid = os.getpid()

    def wait(self, seconds: float) -> None:
        """Idles for that long while the connection's heartbeats are served."""
        until = time.monotonic() + seconds
        self._forget_inherited()
        if self._link is not None:
            try:
                self._link.run(lambda: False, timeout_seconds=seconds)
            except TransportError:
                self.close()
        time.sleep(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        """Closes the connection; safe to call twice, and ``publish`` opens another."""
        self._forget_inherited()
        link, self._link, self._channel = self._link, None, None
        if link is not None:
            link.close()
