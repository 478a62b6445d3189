"""A private RabbitMQ node, run from the machine's own binaries."""

import shutil
import signal
import tempfile
from pathlib import Path

from local_stack.broker_users import BrokerUser, definitions
from local_stack.certificates import TLSListener
from local_stack.errors import ServerFailedError
from local_stack.lifecycle import Restartable
from local_stack.ports import LOOPBACK, free_ports, is_answering
from local_stack.process import ServerProcess
from local_stack.rabbitmq_node import Membership, RabbitMQNode, install_scripts, speaks_amqp
from local_stack.waiting import eventually

_START_SECONDS = 120

#: The one user of a test broker; it listens on the loopback only and lives for one run.
TEST_USER = BrokerUser(name="test", password="test", tags="administrator")  # noqa: S106


class PrivateRabbitMQ(Restartable):
    """A broker of one's own: start, stop, kill and restart it as tests need it."""

    description = "a private RabbitMQ node from the machine's binaries"

    def __init__(
        self,
        directory: Path | None = None,
        tls: TLSListener | None = None,
        *,
        name: str = "rabbit@localhost",
        membership: Membership | None = None,
        epmd_port: int | None = None,
    ) -> None:
        """Prepare the node; nothing runs yet.

        Args:
            directory: Where the node keeps its data; kept by `stop`. None for a temporary one,
                which `close` removes.
            tls: AMQP over TLS, beside the plain port of `url`.
            name: Erlang name.
            membership: The cluster that it belongs to.
            epmd_port: Erlang's port mapper, which the nodes of a cluster share; None for one of
                its own.
        """
        scripts = install_scripts()
        self._temporary = None
        if directory is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
            self._temporary.chmod(0o711)
            directory = self._temporary / "node"
        port, dist_port, own_epmd_port = free_ports(3)
        self.node = RabbitMQNode(
            directory=directory,
            port=port,
            dist_port=dist_port,
            epmd_port=epmd_port or own_epmd_port,
            name=name,
            membership=membership,
            definitions=definitions([TEST_USER]),
            tls=tls,
            scripts=scripts,
        )
        self.node.write_configuration()
        self._epmd = self._process(self.node.epmd_command, "epmd.log")
        self._server = self._process(self.node.server_command, "node.log")

    def _process(self, command: list[str], log: str) -> ServerProcess:
        return ServerProcess(
            command,
            environment=self.node.environment(),
            log=self.node.directory / log,
            user=self.node.user,
        )

    @property
    def url(self) -> str:
        """AMQP URL of the broker; stays the same over restarts."""
        return f"amqp://{TEST_USER.name}:{TEST_USER.password}@{LOOPBACK}:{self.node.port}/"

    def start(self) -> None:
        """Start the broker and wait until clients can connect."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the broker; it is not ready yet."""
        if not is_answering(self.node.epmd_port):
            self._epmd.start()
            eventually(self._check_epmd, within_seconds=10)
        self._server.start()

    def wait_until_ready(self) -> None:
        """Wait until clients can connect."""
        eventually(self._check_ready, within_seconds=_START_SECONDS)

    def _check_epmd(self) -> None:
        assert is_answering(self.node.epmd_port), "the Erlang port mapper does not answer"

    def _check_ready(self) -> None:
        self._server.check_alive()
        if not speaks_amqp(self.node.port):
            raise ServerFailedError(f"RabbitMQ does not answer, see {self.node.directory}")
        if self.node.tls is not None and not is_answering(self.node.tls.port):
            raise ServerFailedError("RabbitMQ does not listen for TLS so far")

    def stop(self) -> None:
        """Stop the broker as an administrator would; data and ports are kept."""
        self._server.end(signal.SIGTERM, within_seconds=60)

    def kill(self) -> None:
        """Kill the broker with SIGKILL; data and ports are kept."""
        self._server.end(signal.SIGKILL)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return its output, for example `ctl("stop_app")`."""
        return self.node.ctl(*arguments)

    def close(self) -> None:
        """Stop everything; remove the directory if it was a temporary one."""
        self.stop()
        self._epmd.end(signal.SIGTERM)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
