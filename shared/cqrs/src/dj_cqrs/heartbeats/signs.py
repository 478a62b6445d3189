"""What a process says about itself, and where that is kept."""

import os
import socket
from dataclasses import dataclass
from typing import Final, Protocol

#: How long a process that fell silent is remembered, if others go on.
FORGET_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of life. Times are durations up to it, so that no two clocks are compared.

    Attributes:
        name: of the process, unique.
        doing: for people.
        progress_seconds: since a message was published or settled; None if none was.
        waiting_seconds: for how long messages have been there while none of them got done.
        failing_seconds: for how long nothing has worked (broker or database are away).
    """

    name: str
    host: str
    pid: int
    doing: str = ""
    progress_seconds: float | None = None
    waiting_seconds: float | None = None
    failing_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as its last sign of life shows it now.

    Attributes:
        age_seconds: since it started.
        silent_seconds: since its last sign; the durations of ``sign`` end there.
    """

    sign: Sign
    age_seconds: float
    silent_seconds: float

    @property
    def progress_seconds(self) -> float | None:
        """Since its last progress that is known of."""
        before = self.sign.progress_seconds
        return None if before is None else before + self.silent_seconds


class Store(Protocol):
    """Where signs of life are kept. May raise whatever its medium does."""

    def write(self, sign: Sign, *, is_first: bool) -> None:
        """Keeps a sign in place of the process's last one."""

    def read(self) -> list[Seen]:
        """All processes, those included that have fallen silent."""

    def remove(self, names: list[str]) -> None:
        """Forgets processes."""


def this_process(role: str) -> Sign:
    """A sign of this process that says nothing but who it is."""
    host, pid = socket.gethostname()[:200], os.getpid()
    return Sign(f"{role} {pid} on {host}", host, pid)


def is_gone(seen: Seen, *, host: str) -> bool:
    """Whether it is known to have ended, or nobody cares any more.

    Args:
        seen: a process.
        host: of the caller; only that machine's processes can be looked at.
    """
    if seen.silent_seconds > FORGET_SECONDS:
        return True
    if seen.sign.host != host or seen.silent_seconds == 0:
        return False
    try:
        os.kill(seen.sign.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # another user's
    return False
