"""A TCP proxy in front of the broker, to break a connection in ways that a broker does not."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections; can hold back what the broker says, and cut everything.

    Attributes:
        accepted: connections so far.
    """

    def __init__(self, broker_url: str, port: int = 0) -> None:
        parts = urlsplit(broker_url)
        self._broker = (parts.hostname or "localhost", parts.port or 5672)
        self._login = f"{parts.username}:{parts.password}"
        self._listener = socket.create_server(("127.0.0.1", port))
        self._answers_pass = threading.Event()
        self._answers_pass.set()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.accepted = 0

    @property
    def url(self) -> str:
        """AMQP URL that leads through the proxy."""
        return f"amqp://{self._login}@127.0.0.1:{self._listener.getsockname()[1]}/"

    def freeze(self) -> None:
        """Holds back everything that the broker says, until ``thaw``."""
        self._answers_pass.clear()

    def thaw(self) -> None:
        """Passes on what was held back."""
        self._answers_pass.set()

    def cut(self) -> None:
        """Ends all connections without a word of AMQP."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.thaw()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(timeout=10)
        for one in self._sockets:
            one.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                self._forward(client, socket.create_connection(self._broker))

    def _forward(self, client: socket.socket, broker: socket.socket) -> None:
        self._sockets += [client, broker]
        self._start(lambda: _pump(client, broker, _ALWAYS))
        self._start(lambda: _pump(broker, client, self._answers_pass))


_ALWAYS = threading.Event()
_ALWAYS.set()


def _pump(source: socket.socket, target: socket.socket, may_pass: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            may_pass.wait()
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
