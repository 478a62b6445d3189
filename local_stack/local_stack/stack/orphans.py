"""Kills the workers of a supervised process that died without taking them along.

supervisord makes every program the leader of its own process group, and restarts a program that
was killed, but leaves its children alone: a gunicorn worker, say, would go on holding the port.
Runs as an event listener of supervisord, in its line protocol on stdin and stdout.
"""

import os
import signal
import sys
from typing import TextIO


def listen(events: TextIO, answers: TextIO) -> None:
    """Answer supervisord's events until it closes the pipe."""
    while True:
        answers.write("READY\n")
        answers.flush()
        header = events.readline()
        if not header:
            return
        payload = events.read(int(_fields(header)["len"]))
        kill_group(int(_fields(payload)["pid"]))
        answers.write("RESULT 2\nOK")
        answers.flush()


def kill_group(process_group: int) -> None:
    """Kill what is left of a process group."""
    try:
        os.killpg(process_group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    print(f"killed what process {process_group} left behind", file=sys.stderr, flush=True)


def _fields(text: str) -> dict[str, str]:
    return dict(word.split(":", 1) for word in text.split())


if __name__ == "__main__":
    listen(sys.stdin, sys.stdout)
