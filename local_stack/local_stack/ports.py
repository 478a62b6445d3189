"""Which TCP ports are free, and whether somebody listens on one."""

import random
import socket

#: Below Linux's range for outgoing connections (32768 and up): a server that is stopped for a
#: while must find its port free when it comes back, and not lent to some client.
_CANDIDATES = range(20_000, 32_000)

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a predecessor that are still winding down do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Pick ports that nobody uses at the moment, all different."""
    # Not the module's generator: test runners seed it, and two runs would pick the same ports.
    candidates = random.SystemRandom().sample(_CANDIDATES, k=len(_CANDIDATES))
    found: list[int] = []
    for port in candidates:
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports between {_CANDIDATES.start} and {_CANDIDATES.stop}")


def is_answering(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether somebody accepts connections on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
