"""The local stack: the processes of all services and a broker under supervisord, no Docker."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_stack.errors import PortTakenError, ServerFailedError, ServerUnavailableError
from local_stack.ports import free_ports, is_answering, is_free
from local_stack.rabbitmq_node import RabbitMQNode, install_scripts, speaks_amqp
from local_stack.stack.broker import broker_definitions, with_broker
from local_stack.stack.environment import Environment
from local_stack.stack.services import SERVICES
from local_stack.stack.supervisor import Program, Supervisor, configuration
from local_stack.waiting import eventually

_BROKER_SECONDS = 120
#: Ports that nobody types: taken as they are if free, else any other; kept for the next start.
_BROKER_PORTS = {
    "RABBITMQ_PORT": 5672,
    "RABBITMQ_MANAGEMENT_PORT": 15672,
    "RABBITMQ_DIST_PORT": 25672,
    "RABBITMQ_EPMD_PORT": 0,
}
#: Those that have a web server and a database.
_WITH_DATABASE = tuple(service for service in SERVICES if not service.is_bare)


class LocalStack:
    """Starts, stops and shows the local stack; its files are in `.stack/`."""

    name = "local"

    def __init__(self, environment: Environment) -> None:
        """Take the settings; nothing runs yet."""
        self._environment = environment
        self._directory = environment.directory
        self._supervisor = Supervisor(self._directory)

    def is_running(self) -> bool:
        """Tell whether the supervisor runs."""
        return self._supervisor.pid() is not None

    def up(self) -> None:
        """Start everything, or bring what runs to the code and the settings of now."""
        self._environment = with_broker(self._environment)
        self._make_directories()
        running = self.is_running()
        if not running:
            self._check_web_ports()
        node = None if self._environment.get("CQRS_URL") else self._broker(running=running)
        programs = self._programs(node)
        self._configure(programs)
        if running:
            self._supervisor.reload()
        else:
            self._supervisor.start()
        self._prepare_services(node)
        self._supervisor.restart([p.name for p in programs if not p.autostart])

    def _prepare_services(self, node: RabbitMQNode | None) -> None:
        """Migrate the databases while the broker starts, then declare the queues."""
        port = node.port if node else 0
        print("migrating the databases")
        migrate = ("migrate", "--no-input")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda s: s.manage(self._environment, port, migrate), _WITH_DATABASE))
        if node is not None:
            self._wait_for(node)
        for service in SERVICES:
            if service.deploy:
                service.manage(self._environment, port, service.deploy)

    def _make_directories(self) -> None:
        (self._directory / "log").mkdir(parents=True, exist_ok=True)
        # A node that runs as another user must pass through, but not look around.
        self._directory.chmod(0o711)

    def _check_web_ports(self) -> None:
        for service in _WITH_DATABASE:
            variable = f"{service.name.upper()}_PORT"
            port = self._environment.port(variable)
            if not is_free(port):
                raise PortTakenError(
                    f"port {port} of {service.directory} is in use by another program: "
                    f"choose another one, for example make up {variable}={port + 1000}"
                )

    def _broker(self, *, running: bool) -> RabbitMQNode:
        scripts = install_scripts()
        ports = self._broker_ports(running=running)
        node = RabbitMQNode(
            directory=self._directory / "rabbitmq",
            port=ports["RABBITMQ_PORT"],
            dist_port=ports["RABBITMQ_DIST_PORT"],
            epmd_port=ports["RABBITMQ_EPMD_PORT"],
            management_port=ports["RABBITMQ_MANAGEMENT_PORT"],
            name="rabbit@localhost",
            definitions=broker_definitions(self._environment),
            scripts=scripts,
        )
        node.write_configuration()
        return node

    def _broker_ports(self, *, running: bool) -> dict[str, int]:
        path = self._directory / "ports.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        ports = {
            variable: self._broker_port(variable, preferred, kept.get(variable), running=running)
            for variable, preferred in _BROKER_PORTS.items()
        }
        path.write_text(json.dumps(ports))
        return ports

    def _broker_port(
        self, variable: str, preferred: int, kept: int | None, *, running: bool
    ) -> int:
        asked = self._environment.port(variable) if self._environment.get(variable) else None
        if running and kept and asked in (None, kept):
            return kept
        if asked is not None:
            if not is_free(asked):
                raise PortTakenError(f"port {asked} is in use: choose another {variable}")
            return asked
        for port in (kept, preferred):
            if port and is_free(port):
                return port
        return free_ports(1)[0]

    def _programs(self, node: RabbitMQNode | None) -> list[Program]:
        port = node.port if node else 0
        services = [p for s in SERVICES for p in s.programs(self._environment, port)]
        if node is None:
            return services
        return [*_broker_programs(node), *services]

    def _configure(self, programs: list[Program]) -> None:
        path = self._directory / "supervisord.conf"
        path.touch(mode=0o600)  # passwords are in it
        path.write_text(configuration(self._directory, programs))

    def _wait_for(self, node: RabbitMQNode) -> None:
        print(f"waiting for RabbitMQ on port {node.port}")

        def check() -> None:
            if not speaks_amqp(node.port):
                raise ServerFailedError(f"RabbitMQ is not ready, see {self._log('rabbitmq')}")

        eventually(check, within_seconds=_BROKER_SECONDS)

    def _log(self, program: str) -> Path:
        return self._directory / "log" / f"{program}.log"

    def down(self) -> None:
        """Stop everything; the data stays."""
        self._supervisor.stop()
        self._stop_port_mapper()

    def _stop_port_mapper(self) -> None:
        """End a port mapper that the node had to start itself, because ours was away."""
        path = self._directory / "ports.json"
        if not path.exists():
            return
        port = json.loads(path.read_text())["RABBITMQ_EPMD_PORT"]
        if is_answering(port):
            subprocess.run(["epmd", "-port", str(port), "-kill"], capture_output=True, check=False)

    def clean(self) -> None:
        """Remove the data of the stopped stack."""
        if self._directory.exists():
            shutil.rmtree(self._directory)

    def status(self) -> None:
        """Print one line for each process."""
        if not self.is_running():
            raise ServerUnavailableError("the local stack is not running: make up")
        for state in self._supervisor.states():
            print(f"{state['name']:12} {state['statename']:9} {state['description']}")

    def logs(self, *, follow: bool = True, lines: int = 40) -> None:
        """Show the logs of all processes."""
        files = sorted(str(path) for path in (self._directory / "log").glob("*.log"))
        if not files:
            raise ServerUnavailableError("the local stack has no logs yet: make up")
        command = ["tail", "-n", str(lines), *(["-F"] if follow else []), *files]
        subprocess.run(command, check=False)

    def log_of(self, process: str) -> str:
        """What one process has logged, as far as its file goes back."""
        path = self._log(process)
        return path.read_text(errors="replace") if path.exists() else ""


def _broker_programs(node: RabbitMQNode) -> list[Program]:
    mapper = Program(
        name="epmd",
        command=node.epmd_command,
        directory=node.directory,
        environment=node.environment(),
        user=node.user,
        priority=10,
    )
    server = Program(
        name="rabbitmq",
        command=node.server_command,
        directory=node.directory,
        environment=node.environment(),
        user=node.user,
        priority=20,
        stop_seconds=90,
    )
    return [mapper, server]
