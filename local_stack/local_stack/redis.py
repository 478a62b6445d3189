"""A private Redis server, run from the machine's own binary; keeps what it confirmed."""

import shutil
import signal
import socket
import tempfile
from pathlib import Path

from local_stack import packages
from local_stack.certificates import TLSListener
from local_stack.errors import ServerFailedError
from local_stack.lifecycle import Restartable
from local_stack.ports import LOOPBACK, free_ports
from local_stack.process import ServerProcess
from local_stack.waiting import eventually

#: Each write is on the disk before it is answered.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a Redis server on the port answers, its data loaded."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def install_binary() -> str:
    """Find redis-server; installs the Debian package first where that can be done."""
    return packages.find_or_install(
        lambda: shutil.which("redis-server"), server="Redis", package="redis-server"
    )


class PrivateRedis(Restartable):
    """A Redis server of one's own: start, stop, kill and restart it as tests need it."""

    description = "a private Redis server from the machine's binary"

    def __init__(self, tls: TLSListener | None = None) -> None:
        """Prepare the server; nothing runs yet.

        Args:
            tls: Redis over TLS, beside the plain port; None for none.
        """
        binary = install_binary()
        self._directory = Path(tempfile.mkdtemp(prefix="redis-"))
        (self.port,) = free_ports(1)
        words = ("--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self._directory))
        self._server = ServerProcess(
            [binary, *words, *DURABLE, *_tls_words(tls)],
            environment={},
            log=self._directory / "redis.log",
        )

    @property
    def url(self) -> str:
        """URL of the server's first database; stays the same over restarts."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._server.start()
        eventually(self._check_ready, within_seconds=30)

    def _check_ready(self) -> None:
        self._server.check_alive()
        if not answers(self.port):
            raise ServerFailedError(f"Redis does not answer on port {self.port}")

    def stop(self) -> None:
        """Stop the server as an administrator would; data and port are kept."""
        self._server.end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server with SIGKILL; data and port are kept."""
        self._server.end(signal.SIGKILL)

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


def _tls_words(tls: TLSListener | None) -> list[str]:
    if tls is None:
        return []
    return [
        *("--tls-port", str(tls.port), "--tls-ca-cert-file", str(tls.ca_file)),
        *("--tls-cert-file", str(tls.cert_file), "--tls-key-file", str(tls.key_file)),
        *("--tls-auth-clients", "yes" if tls.asks_clients else "no"),
    ]
