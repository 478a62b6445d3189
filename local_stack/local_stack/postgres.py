"""A private PostgreSQL cluster, run from the machine's own binaries."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from local_stack import databases, packages
from local_stack.errors import ServerFailedError
from local_stack.lifecycle import Restartable
from local_stack.ports import LOOPBACK, free_ports
from local_stack.process import ServerProcess, as_user, give_to, service_user
from local_stack.waiting import eventually

_PACKAGED_BINARIES = Path("/usr/lib/postgresql")
_SUPERUSER = "postgres"
# The cluster listens on the loopback only and lives for one run.
_PASSWORD = "test"  # noqa: S105


def find_binaries() -> Path | None:
    """Find the directory with initdb and postgres, the newest version of Debian's, or None."""
    packaged = [path for path in _PACKAGED_BINARIES.glob("*/bin") if (path / "postgres").exists()]
    if packaged:
        return max(packaged, key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def install_binaries() -> Path:
    """Find initdb and postgres; installs the Debian package first where that can be done."""
    return packages.find_or_install(find_binaries, server="PostgreSQL", package="postgresql")


class PrivatePostgres(Restartable):
    """A PostgreSQL server of one's own: start, stop, kill and restart it as tests need it."""

    description = "a private PostgreSQL cluster from the machine's binaries"

    def __init__(self, directory: Path | None = None, *, fsync: bool = False) -> None:
        """Prepare the cluster; nothing runs yet.

        Args:
            directory: Where the data lies; kept by `stop`. None for a temporary one, which `close`
                removes.
            fsync: False is faster and safe against SIGKILL, but not against power loss.
        """
        self._binaries = install_binaries()
        self._temporary = None
        if directory is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="postgres-"))
            self._temporary.chmod(0o711)
            directory = self._temporary / "cluster"
        self._directory = directory
        self._data = directory / "data"
        self._user = service_user("postgres", directory)
        (self.port,) = free_ports(1)
        give_to(self._user, directory)
        if not self._data.exists():
            self._initialise()
        self._server = ServerProcess(
            [str(self._binaries / "postgres"), "-D", str(self._data), *self._options(fsync)],
            environment=self._environment(),
            log=directory / "postgres.log",
            user=self._user,
        )

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}

    def _options(self, fsync: bool) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "on" if fsync else "off",
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _initialise(self) -> None:
        password_file = self._directory / "password"
        password_file.write_text(_PASSWORD)
        if self._user is not None:
            shutil.chown(password_file, user=self._user)
        command = [
            *as_user(self._user),
            *(str(self._binaries / "initdb"), "-D", str(self._data), "-U", _SUPERUSER),
            *("-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"),
        ]
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        password_file.unlink()
        if done.returncode != 0:
            raise ServerFailedError(f"initdb failed:\n{done.stdout}{done.stderr}")

    @property
    def url(self) -> str:
        """URL of the server's own database; stays the same over restarts."""
        return f"postgresql://{_SUPERUSER}:{_PASSWORD}@{LOOPBACK}:{self.port}/postgres"

    def create_database(self, name: str) -> str:
        """Create an empty database, replacing one of that name, and return its URL."""
        return databases.create_database(self.url, name)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        eventually(self._start_once, within_seconds=60, retry_on=ServerFailedError)

    def _start_once(self) -> None:
        # After a kill the old backends may hold the shared memory for a moment longer.
        self._server.start()
        eventually(
            self._check_ready, within_seconds=60, retry_on=(psycopg.OperationalError, OSError)
        )

    def _check_ready(self) -> None:
        self._server.check_alive()
        databases.check_connection(self.url)

    def stop(self) -> None:
        """Stop the server as an administrator would, ending its sessions; data is kept."""
        self._server.end(signal.SIGINT, within_seconds=60)

    def kill(self) -> None:
        """Kill the server with SIGKILL; data and port are kept."""
        self._server.end(signal.SIGKILL)

    def close(self) -> None:
        """Stop everything; remove the directory if it was a temporary one."""
        self.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
