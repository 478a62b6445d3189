"""A private MariaDB server, run from the machine's own binaries."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from local_stack import packages
from local_stack.errors import ServerFailedError
from local_stack.lifecycle import Restartable
from local_stack.ports import LOOPBACK, free_ports
from local_stack.process import ServerProcess, as_user, give_to, service_user
from local_stack.waiting import eventually

# Debian keeps servers off the PATH of ordinary users.
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
_USER = "test"
# The server listens on the loopback only and lives for one run.
_PASSWORD = "test"  # noqa: S105


def find_binaries() -> tuple[str, str, str] | None:
    """Find the server, the program that creates its data, and the client; or None."""
    names = ("mariadbd", "mariadb-install-db", "mariadb")
    found = [path for name in names if (path := shutil.which(name, path=_PATH))]
    return (found[0], found[1], found[2]) if len(found) == len(names) else None


class PrivateMariaDB(Restartable):
    """A MariaDB server of one's own."""

    description = "a private MariaDB server from the machine's binaries"

    def __init__(self) -> None:
        """Create the server's data in a temporary directory; nothing runs yet."""
        self._mariadbd, self._install_db, self._client = packages.find_or_install(
            find_binaries, server="MariaDB", package="mariadb-server"
        )
        self._temporary = Path(tempfile.mkdtemp(prefix="mariadb-"))
        self._temporary.chmod(0o711)
        self._directory = self._temporary / "server"
        self._user = service_user("mysql", self._directory)
        (self.port,) = free_ports(1)
        give_to(self._user, self._directory)
        self._initialise()
        self._server = ServerProcess(
            [self._mariadbd, *self._options()],
            environment={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
            log=self._temporary / "mariadb.log",
            user=self._user,
        )

    def _options(self) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self._directory / 'data'}",
            f"--socket={self._socket}",
            f"--pid-file={self._directory / 'pid'}",
            f"--bind-address={LOOPBACK}",
            f"--port={self.port}",
            "--character-set-server=utf8mb4",
            # Safe against SIGKILL, but not against power loss; nobody needs that of tests.
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-log-bin",
            "--max-connections=200",
        ]

    @property
    def _socket(self) -> Path:
        return self._directory / "socket"

    def _initialise(self) -> None:
        command = [
            *as_user(self._user),
            *(self._install_db, "--no-defaults", f"--datadir={self._directory / 'data'}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        ]
        done = subprocess.run(
            command, env={"PATH": _PATH}, cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServerFailedError(f"mariadb-install-db failed:\n{done.stdout}{done.stderr}")

    @property
    def url(self) -> str:
        """URL of the server, of a user that may create databases."""
        return f"mysql://{_USER}:{_PASSWORD}@{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the server and wait until the user of the URL can connect."""
        self._server.start()
        eventually(self._create_user, within_seconds=60, retry_on=ServerFailedError)

    def _create_user(self) -> None:
        self._server.check_alive()
        account = f"'{_USER}'@'{LOOPBACK}'"
        statements = (
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{_PASSWORD}';"
            f"GRANT ALL ON *.* TO {account};"
        )
        done = subprocess.run(
            [self._client, "--no-defaults", f"--socket={self._socket}", "--user=root"],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailedError(f"MariaDB does not answer:\n{done.stderr}")

    def stop(self) -> None:
        """Stop the server in good order; data and port are kept."""
        self._server.end(signal.SIGTERM, within_seconds=60)

    def kill(self) -> None:
        """Kill the server with SIGKILL; data and port are kept."""
        self._server.end(signal.SIGKILL)

    def close(self) -> None:
        """Stop everything and remove the data."""
        self.stop()
        shutil.rmtree(self._temporary, ignore_errors=True)
