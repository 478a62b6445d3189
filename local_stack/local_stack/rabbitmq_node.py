"""How a private RabbitMQ node is configured and called; starts nothing itself.

Everything of the node (data, logs, cookie, the Erlang port mapper) is its own, so that it can run
beside any other RabbitMQ of the machine and be thrown away as a directory.
"""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_stack import packages
from local_stack.certificates import TLSListener
from local_stack.errors import ServerFailedError
from local_stack.ports import LOOPBACK
from local_stack.process import as_user, give_to, service_user

# Debian's wrapper in /usr/sbin insists on the system's own node; the scripts behind it do not.
_PACKAGED_SCRIPTS = Path("/usr/lib/rabbitmq/bin")

_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


def find_scripts() -> Path | None:
    """Find the directory with rabbitmq-server and rabbitmqctl, or None."""
    if (_PACKAGED_SCRIPTS / "rabbitmq-server").exists():
        return _PACKAGED_SCRIPTS
    on_path = shutil.which("rabbitmq-server")
    return Path(on_path).resolve().parent if on_path else None


def install_scripts() -> Path:
    """Find RabbitMQ's scripts; installs the Debian package first where that can be done."""
    return packages.find_or_install(find_scripts, server="RabbitMQ", package="rabbitmq-server")


#: A delayed message whose way back is not there yet (a restart) is tried again after so many
#: milliseconds, not only after three minutes. No key of rabbitmq.conf sets this.
IMPATIENT = "-rabbit dead_letter_worker_publisher_confirm_timeout 5000"


@dataclass(frozen=True, slots=True)
class Membership:
    """The cluster that a node belongs to; the nodes find each other by this when they start.

    Attributes:
        nodes: Erlang names of all nodes.
        cookie: What they, and rabbitmqctl, know each other by.
    """

    nodes: tuple[str, ...]
    cookie: str

    def environment(self) -> dict[str, str]:
        """Variables of each node. No file has to be shared for them."""
        cookie = f"-setcookie {self.cookie}"
        nodes = f"-rabbit cluster_nodes {{[{','.join(self.nodes)}],disc}}"
        return {
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{cookie} {nodes} {IMPATIENT}",
            "RABBITMQ_CTL_ERL_ARGS": cookie,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitMQNode:
    """Configuration of one private node.

    Attributes:
        directory: Everything the node writes; survives the node.
        port: AMQP.
        dist_port: Erlang distribution (rabbitmqctl talks to it).
        epmd_port: The node's own Erlang port mapper.
        name: Erlang name; nodes with port mappers of their own may share one.
        management_port: The management page; None leaves the plugin out.
        tls: AMQP over TLS, beside the plain port; None for none.
        membership: The cluster that it belongs to; None for a node on its own.
    """

    directory: Path
    port: int
    dist_port: int
    epmd_port: int
    name: str = "rabbit@localhost"
    management_port: int | None = None
    tls: TLSListener | None = None
    membership: Membership | None = None
    definitions: Mapping[str, Any] = field(default_factory=dict)
    scripts: Path = field(default_factory=install_scripts)

    @property
    def user(self) -> str | None:
        """Operating system user that the node runs as; None for ourselves."""
        return service_user("rabbitmq", self.directory)

    @property
    def server_command(self) -> list[str]:
        """Command that runs the node in the foreground, as one process."""
        return [str(self.scripts / "rabbitmq-server")]

    @property
    def epmd_command(self) -> list[str]:
        """Command that runs the node's port mapper in the foreground."""
        epmd = shutil.which("epmd")
        if epmd is None:
            raise ServerFailedError("epmd of Erlang is not on PATH")
        return [epmd, "-port", str(self.epmd_port), "-address", LOOPBACK]

    def environment(self) -> dict[str, str]:
        """Environment of the node, of its port mapper and of rabbitmqctl."""
        home = str(self.directory)
        of_cluster = self.membership.environment() if self.membership else {}
        arguments = of_cluster.get("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", IMPATIENT)
        return {
            **of_cluster,
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": home,  # the cookie lies there
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_PID_FILE": f"{home}/node.pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            "RABBITMQ_PLUGINS_EXPAND_DIR": f"{home}/plugins",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none.config",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # nothing from /etc
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-kernel inet_dist_use_interface {{127,0,0,1}} {arguments}"
            ),
            # Makes the script exec the Erlang machine instead of waiting for it as its child, so
            # that a signal to the process reaches the node, and SIGKILL leaves nothing behind.
            "detached": "true",
        }

    def write_configuration(self) -> None:
        """Create the directory and the configuration files, for the user that runs the node."""
        give_to(self.user, self.directory)
        plugins = "rabbitmq_management" if self.management_port else ""
        self._write("enabled_plugins", f"[{plugins}].\n")
        self._write("rabbitmq.conf", "\n".join(self._settings()) + "\n")
        self._write("definitions.json", json.dumps(self.definitions, indent=1))

    def _settings(self) -> list[str]:
        lines = [
            f"listeners.tcp.1 = {LOOPBACK}:{self.port}",
            "log.console = true",
            "log.file = false",
            "disk_free_limit.absolute = 50MB",
        ]
        if self.definitions:
            lines.append(f"load_definitions = {self.directory}/definitions.json")
        if self.management_port:
            lines.append(f"management.tcp.ip = {LOOPBACK}")
            lines.append(f"management.tcp.port = {self.management_port}")
        if self.tls is not None:
            lines += self._tls_settings(self.tls)
        return lines

    def _tls_settings(self, tls: TLSListener) -> list[str]:
        """The files are copied: the node's user may not read them where they are."""
        files = {"cacertfile": tls.ca_file, "certfile": tls.cert_file, "keyfile": tls.key_file}
        for name, path in files.items():
            self._write(f"{name}.pem", path.read_text())
        return [
            f"listeners.ssl.1 = {LOOPBACK}:{tls.port}",
            *(f"ssl_options.{name} = {self.directory}/{name}.pem" for name in files),
            "ssl_options.verify = verify_peer",
            f"ssl_options.fail_if_no_peer_cert = {str(tls.asks_clients).lower()}",
        ]

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        if self.user is not None:
            shutil.chown(path, user=self.user)

    def ctl(self, *arguments: str, timeout_seconds: float = 60) -> str:
        """Run rabbitmqctl against the node and return what it printed.

        Raises:
            ServerFailedError: rabbitmqctl failed.
        """
        command = [*as_user(self.user), str(self.scripts / "rabbitmqctl"), "--quiet", *arguments]
        return run_ctl(command, self.environment(), timeout_seconds)


def run_ctl(
    command: Sequence[str], environment: Mapping[str, str] | None, timeout_seconds: float
) -> str:
    """Run a control command and return its output; its failure becomes a ServerFailedError."""
    done = subprocess.run(
        command,
        env=environment,
        cwd="/",
        timeout=timeout_seconds,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerFailedError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def speaks_amqp(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a broker on the port answers a client's first bytes.

    An accepted connection is not enough: a container engine accepts before the broker does.
    """
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(_PROTOCOL_HEADER)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False
