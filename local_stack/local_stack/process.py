"""A server process of our own: another user when we are root, and never left behind.

A child asks the kernel to be killed when its parent dies, so that even a test run that is killed
leaves no server running.
"""

import grp
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_stack.errors import ServerFailedError


def service_user(name: str, directory: Path) -> str | None:
    """Choose the user to run a server as: `name` when we are root and it can work there.

    Returns:
        None to run as ourselves: we are not root, there is no such user, or the directory lies
        below one that this user may not enter (a checkout in root's home).
    """
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return None
    try:
        pwd.getpwnam(name)
    except KeyError:
        return None
    may_enter = subprocess.run([*as_user(name), "test", "-x", str(directory.parent)], check=False)
    return name if may_enter.returncode == 0 else None


def as_user(user: str | None, *, die_with_parent: signal.Signals | None = None) -> list[str]:
    """Build the words to put before a command to run it as the user (None: as ourselves)."""
    if shutil.which("setpriv") is None:  # not Linux
        return []
    words = ["setpriv"]
    if user is not None:
        group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
        words += [f"--reuid={user}", f"--regid={group}", "--init-groups"]
    if die_with_parent is not None:
        words.append(f"--pdeathsig={die_with_parent.name.removeprefix('SIG')}")
    return [*words, "--"] if len(words) > 1 else []


def give_to(user: str | None, directory: Path) -> None:
    """Create the directory, private to the user."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    if user is not None:
        shutil.chown(directory, user=user, group=pwd.getpwnam(user).pw_gid)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and only waits for its parent does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # ended just now, or not Linux
        return not Path("/proc/self/stat").exists()
    return state != "Z"


class ServerProcess:
    """One server process with its output in a log file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        user: str | None = None,
    ) -> None:
        self._command = [*as_user(user, die_with_parent=signal.SIGKILL), *command]
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise ServerFailedError(f"{self._command[-1]} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Raise ServerFailedError with the end of the log if the process has ended."""
        if self._process is None or self._process.poll() is None:
            return
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
        raise ServerFailedError(f"{' '.join(self._command)} ended, {self._log} says:\n{tail}")

    def end(self, with_signal: signal.Signals, *, within_seconds: float = 30) -> None:
        """Send the signal and wait for the end; SIGKILL if it takes too long."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        try:
            self._process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
