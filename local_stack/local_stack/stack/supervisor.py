"""supervisord: its configuration as text, and talking to it over its socket."""

import configparser
import hashlib
import io
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import xmlrpc.client  # nosec B411
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from local_stack.errors import ServerFailedError
from local_stack.process import as_user, is_alive
from local_stack.waiting import eventually

#: Longest path of a Unix socket, with room to spare.
_LONGEST_SOCKET_PATH = 100
_STOP_SECONDS = 120
_DO_NOT_WAIT = False
_RPC_INTERFACE = "supervisor.rpcinterface:make_main_rpcinterface"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One supervised process.

    Attributes:
        autostart: False for what waits until others are ready.
        priority: Lower starts first and stops last.
    """

    name: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    autostart: bool = True
    priority: int = 100
    stop_seconds: int = 35

    def settings(self, logs: Path) -> dict[str, str]:
        """Write the program's section of the configuration."""
        # If supervisord itself is killed, nothing that it started stays behind.
        words = [*as_user(self.user, die_with_parent=signal.SIGTERM), *self.command]
        return {
            "command": shlex.join(words),
            "directory": str(self.directory),
            "environment": ",".join(f'{n}="{_quote(v)}"' for n, v in self.environment.items()),
            "autostart": str(self.autostart),
            "autorestart": "true",
            "startsecs": "2",
            "startretries": "100",
            "priority": str(self.priority),
            "stopwaitsecs": str(self.stop_seconds),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": f"{logs / self.name}.log",
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "2",
        }


def configuration(directory: Path, programs: Sequence[Program]) -> str:
    """Write the whole configuration of supervisord."""
    socket, logs = str(socket_path(directory)), directory / "log"
    sections = {
        "unix_http_server": {"file": socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": _RPC_INTERFACE,
        },
        "supervisorctl": {"serverurl": f"unix://{socket}"},
        "supervisord": {
            "pidfile": str(directory / "supervisord.pid"),
            "logfile": str(logs / "supervisord.log"),
            "childlogdir": str(logs),
            **({"user": "root"} if os.geteuid() == 0 else {}),
        },
        # Workers whose parent was killed must not keep its port.
        "eventlistener:orphans": {
            "command": shlex.join([sys.executable, "-m", "local_stack.stack.orphans"]),
            "events": "PROCESS_STATE_EXITED",
            "stdout_logfile": "NONE",  # its stdout is the protocol
            "stderr_logfile": str(logs / "orphans.log"),
        },
        **{f"program:{program.name}": program.settings(logs) for program in programs},
    }
    parser = configparser.RawConfigParser()
    for name, settings in sections.items():
        # supervisord expands %(...)s in values.
        parser[name] = {key: value.replace("%", "%%") for key, value in settings.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def socket_path(directory: Path) -> Path:
    """Where supervisord listens: in the directory, unless the path is too long for a socket."""
    path = directory / "supervisor.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"supervisor-{digest}.sock"


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


class Supervisor:
    """A supervisord of our own, found by the files in its directory."""

    def __init__(self, directory: Path) -> None:
        """Take the directory that holds configuration, socket, process id and logs."""
        self._directory = directory
        self._socket = socket_path(directory)

    def pid(self) -> int | None:
        """Process id of the running supervisord, or None."""
        try:
            return int(self._rpc("getPID"))
        except (OSError, xmlrpc.client.Error):
            return None

    def start(self) -> None:
        """Start supervisord; it goes to the background."""
        command = [sys.executable, "-m", "supervisor.supervisord"]
        configured = [*command, "-c", str(self._directory / "supervisord.conf")]
        done = subprocess.run(configured, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerFailedError(f"supervisord did not start:\n{done.stdout}{done.stderr}")
        eventually(self._check_running, within_seconds=20)

    def _check_running(self) -> None:
        assert self.pid() is not None, f"supervisord does not answer, see {self._directory}/log"

    def reload(self) -> None:
        """Take over a changed configuration; programs that did not change go on undisturbed."""
        ((added, changed, removed),) = self._rpc("reloadConfig")
        for name in (*changed, *removed):
            self._rpc("stopProcessGroup", name)
            self._rpc("removeProcessGroup", name)
        for name in (*changed, *added):
            self._rpc("addProcessGroup", name)

    def states(self) -> list[dict[str, Any]]:
        """State of every program: name, statename, description, pid."""
        found: list[dict[str, Any]] = self._rpc("getAllProcessInfo")
        return found

    def restart(self, names: Sequence[str]) -> None:
        """Start programs; those that run are stopped first."""
        for name in names:
            if name in self._alive():
                self._rpc("stopProcess", name, _DO_NOT_WAIT)
        eventually(lambda: self._check_stopped(names), within_seconds=_STOP_SECONDS)
        for name in names:
            self._rpc("startProcess", name, _DO_NOT_WAIT)

    def _alive(self) -> set[str]:
        ended = {"STOPPED", "EXITED", "FATAL"}
        return {state["name"] for state in self.states() if state["statename"] not in ended}

    def _check_stopped(self, names: Sequence[str]) -> None:
        alive = self._alive().intersection(names)
        assert not alive, f"{', '.join(alive)} did not stop"

    def stop(self) -> None:
        """Stop supervisord and all that it runs; nothing happens if it does not run."""
        pid = self.pid()
        if pid is None:
            return
        self._rpc("shutdown")
        eventually(lambda: _check_gone(pid), within_seconds=_STOP_SECONDS)

    def _rpc(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


def _check_gone(pid: int) -> None:
    assert not is_alive(pid), f"supervisord (process {pid}) does not stop"
