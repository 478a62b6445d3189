"""One AMQP connection whose I/O happens only while ``run`` is called.

pika's SelectConnection is driven by hand, so that calls read from top to bottom and are bounded
in time, while publisher confirms can still be pipelined.
"""

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import pika
from pika.adapters.select_connection import IOLoop
from pika.exceptions import AMQPError

from dj_cqrs.exceptions import TransportError
from dj_cqrs.transport.rabbit_mq.connection import TolerantConnection
from dj_cqrs.transport.rabbit_mq.errors import lost

#: Seconds that a closing handshake may take before the stream is cut.
CLOSE_SECONDS: Final = 1.0
#: Seconds that the broker may take to accept a connection, where the parameters do not say.
CONNECT_SECONDS: Final = 10.0


class Link:
    """An open connection to the broker.

    Not thread-safe, except for ``call_soon_threadsafe``; one thread may hand it to another.

    Attributes:
        where: the broker's node, for people.
        deadline: moment of ``time.monotonic()`` at which everything here stops waiting; None
            where each call has a limit of its own only.
    """

    def __init__(
        self, nodes: Sequence[pika.ConnectionParameters], *, deadline: float | None = None
    ) -> None:
        """Connects to the first of the broker's nodes that takes us.

        Args:
            nodes: where they are. They are tried in random order, so that connections spread.
            deadline: see the attribute.

        Raises:
            TransportError: no node could be reached, or they refused us.
        """
        failures = []
        for number, parameters in enumerate(random.sample(nodes, len(nodes))):
            self.deadline = _share(deadline, len(nodes) - number)
            try:
                self._open(parameters)
            except TransportError as error:
                failures.append(error)
            else:
                self.deadline = deadline
                return
        if len(failures) == 1:
            raise failures[0]
        raise TransportError(" ".join(map(str, failures))) from failures[-1]

    def _open(self, parameters: pika.ConnectionParameters) -> None:
        self.where = f"{parameters.host}:{parameters.port}"
        self._failure: BaseException | None = None
        self._is_open = False
        self._loop = IOLoop()
        self._loop.activate_poller()
        self.connection = TolerantConnection(
            parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_failure,
            on_close_callback=self._on_failure,
            custom_ioloop=self._loop,
        )
        try:
            self._connect(parameters.stack_timeout or CONNECT_SECONDS)
        except BaseException:
            self.close()
            raise

    def _connect(self, seconds: float) -> None:
        # pika bounds each of the addresses that a host name stands for; this bounds all of them.
        if not self.run(lambda: self._is_open, timeout_seconds=2 * seconds):
            raise TransportError(f"The broker at {self.where} did not answer in time.")

    def _on_open(self, _connection: Any) -> None:
        self._is_open = True

    def _on_failure(self, _connection: Any, error: BaseException | str) -> None:
        self._failure = error if isinstance(error, BaseException) else AMQPError(error)

    def check(self) -> None:
        """Raises TransportError if the connection is known to be gone."""
        if self._failure is not None:
            raise lost(self.where, self._failure) from self._failure

    def run(self, until: Callable[[], bool], *, timeout_seconds: float | None) -> bool:
        """Serves I/O, heartbeats included, until the condition holds.

        Args:
            until: looked at after every event.
            timeout_seconds: None for no limit.

        Returns:
            Whether the condition holds; False when the time is over.

        Raises:
            TransportError: the connection is gone.
        """
        time_over: list[bool] = []
        timer = None
        limit = self._limit(timeout_seconds)
        if limit is not None:
            timer = self._loop.call_later(max(limit, 0), lambda: time_over.append(True))
        try:
            while self._failure is None and not until():
                if time_over:
                    return False
                self._loop.poll()
                self._loop.process_timeouts()
        finally:
            if timer is not None:
                self._loop.remove_timeout(timer)
        self.check()
        return True

    def _limit(self, timeout_seconds: float | None) -> float | None:
        if self.deadline is None:
            return timeout_seconds
        left = self.deadline - time.monotonic()
        return left if timeout_seconds is None else min(timeout_seconds, left)

    def serve(self) -> None:
        """Does the I/O that is due now, without waiting.

        Raises:
            TransportError: the connection is gone.
        """
        # Data that closes the connection is read in one pass, and reported to us in a later one.
        for _ in range(3):
            self.run(lambda: False, timeout_seconds=0)

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        """Has the callback called by the thread that runs the link; any thread may ask."""
        self._loop.add_callback_threadsafe(callback)

    def close(self) -> None:
        """Closes the connection, by force if the broker does not take part; never raises."""
        # Whatever breaks here, the connection is being thrown away.
        with contextlib.suppress(Exception):
            self._close()
        if self._failure is None:
            self._failure = AMQPError("the connection was closed")
        self._loop.close()

    def _close(self) -> None:
        if self.connection.is_closed:
            return
        is_late = self.deadline is not None and time.monotonic() >= self.deadline
        self.deadline = None
        if not self.connection.is_closing and not is_late:
            self.connection.close()
        if is_late or not self._closes_within(CLOSE_SECONDS):
            # pika has no public way to cut a connection, and a broker that hangs would keep the
            # socket open until its heartbeats are missed.
            self.connection._terminate_stream(AMQPError("no answer to the close"))
            self._closes_within(CLOSE_SECONDS)

    def _closes_within(self, seconds: float) -> bool:
        try:
            return self.run(lambda: self.connection.is_closed, timeout_seconds=seconds)
        except TransportError:
            return True


def _share(deadline: float | None, nodes: int) -> float | None:
    """A node that hangs must leave time for those after it."""
    if deadline is None:
        return None
    now = time.monotonic()
    return now + (deadline - now) / nodes
