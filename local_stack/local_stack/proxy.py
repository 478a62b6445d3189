"""A TCP proxy in front of a server, to break connections in ways that no server does by itself."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from local_stack.ports import LOOPBACK, free_ports

_CHUNK_BYTES = 65536


class Proxy:
    """Forwards connections; can hold them up, slow them down, cut them and refuse new ones.

    Attributes:
        accepted: connections so far.
        delay_seconds: pause before each piece of data, in either direction.
    """

    def __init__(self, server_url: str, port: int | None = None) -> None:
        """Listen; nothing is accepted before the block begins.

        Args:
            server_url: where to forward to; it names its port.
            port: where to listen; None for any that is free.
        """
        self._url = urlsplit(server_url)
        assert self._url.port, f"{server_url} has no port"
        self._server = (self._url.hostname or LOOPBACK, self._url.port)
        # Not a port that the kernel lends to clients: the proxy must find it free.
        self._listener = socket.create_server((LOOPBACK, port or free_ports(1)[0]))
        self._requests_pass = _open_gate()
        self._answers_pass = _open_gate()
        self._refuses = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.accepted = 0
        self.delay_seconds = 0.0

    @property
    def url(self) -> str:
        """The server's URL as it leads through the proxy."""
        return self.through(urlunsplit(self._url))

    def through(self, url: str) -> str:
        """Another URL of the same server (a virtual host, a database) through the proxy."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        address = f"{LOOPBACK}:{self._listener.getsockname()[1]}"
        return urlunsplit(parts._replace(netloc=f"{login}{at}{address}"))

    def freeze(self, *, both_ways: bool = False) -> None:
        """Hold back what the server says, and what the clients say too if wanted."""
        self._answers_pass.clear()
        if both_ways:
            self._requests_pass.clear()

    def thaw(self) -> None:
        """Pass on what was held back."""
        self._answers_pass.set()
        self._requests_pass.set()

    def cut(self) -> None:
        """End all connections without a word of any protocol."""
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Cut everything, and end each new connection at once."""
        self._refuses = True
        self.cut()

    def admit(self) -> None:
        """Take new connections again."""
        self._refuses = False

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

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                self._forward(client)

    def _forward(self, client: socket.socket) -> None:
        server = None
        with contextlib.suppress(OSError):
            server = None if self._refuses else socket.create_connection(self._server)
        if server is None:
            client.close()
            return
        self._sockets += [client, server]
        ends = _Ends(client, server)
        self._start(lambda: self._pump(client, server, self._requests_pass, ends))
        self._start(lambda: self._pump(server, client, self._answers_pass, ends))

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        may_pass: threading.Event,
        ends: "_Ends",
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                may_pass.wait()
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                target.sendall(data)
        ends.end()


class Proxies:
    """A proxy for each of several servers (the nodes of a cluster), all treated alike."""

    def __init__(self, server_urls: str) -> None:
        """Listen.

        Args:
            server_urls: one URL, or several with commas between.
        """
        self._proxies = {_address(url): Proxy(url) for url in server_urls.split(",")}
        self._open = contextlib.ExitStack()

    def leads_to(self, url: str) -> bool:
        """Whether the URL is one of the servers'."""
        return _address(url) in self._proxies

    def through(self, urls: str) -> str:
        """Other URLs of the same servers, through their proxies."""
        return ",".join(self._proxies[_address(url)].through(url) for url in urls.split(","))

    def delay(self, seconds: float) -> None:
        """Pause before each piece of data."""
        for proxy in self._proxies.values():
            proxy.delay_seconds = seconds

    def freeze(self, *, both_ways: bool = False) -> None:
        """Hold back what the servers say, and what the clients say too if wanted."""
        for proxy in self._proxies.values():
            proxy.freeze(both_ways=both_ways)

    def thaw(self) -> None:
        """Pass on what was held back."""
        for proxy in self._proxies.values():
            proxy.thaw()

    def cut(self) -> None:
        """End all connections without a word of any protocol."""
        for proxy in self._proxies.values():
            proxy.cut()

    def refuse(self) -> None:
        """Cut everything, and end each new connection at once."""
        for proxy in self._proxies.values():
            proxy.refuse()

    def admit(self) -> None:
        """Take new connections again."""
        for proxy in self._proxies.values():
            proxy.admit()

    def __enter__(self) -> Self:
        for proxy in self._proxies.values():
            self._open.enter_context(proxy)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()


def _address(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port


class _Ends:
    """The two sockets of one connection, closed when both of its pumps have ended."""

    def __init__(self, *sockets: socket.socket) -> None:
        self._sockets = sockets
        self._lock = threading.Lock()
        self._pumps = len(sockets)

    def end(self) -> None:
        """One pump has ended: the other one is to end as well."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._pumps -= 1
            if not self._pumps:
                for one in self._sockets:
                    one.close()


def _open_gate() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate
