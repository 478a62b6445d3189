"""How far a command is: lines for logs, a bar for people."""

import os
import pty
import re
import subprocess
import sys
from io import StringIO

from django.core.management.base import OutputWrapper

from dj_cqrs.management.progress import Progress


def test_elsewhere_than_on_a_terminal_there_are_plain_lines() -> None:
    stream = StringIO()

    with Progress(25, OutputWrapper(stream)) as progress:
        progress.advance(10)
        progress.advance(15)

    first, last = re.findall(r"\r([^\r\n]+)", stream.getvalue())
    assert re.match(r"10 of 25 processed - 40% with rate [\d.]+ rps, to go 0:00:00 \.\.\.", first)
    assert last.startswith("25 of 25 processed - 100% with rate ")
    assert stream.getvalue().endswith("\n")


def test_what_nobody_asked_for_is_not_shown() -> None:
    stream = StringIO()

    with Progress(25, OutputWrapper(stream), is_shown=False) as progress:
        progress.advance(25)

    assert progress.done == 25
    assert not stream.getvalue()


def test_on_a_terminal_there_is_a_bar_and_the_output_stays_clean() -> None:
    code = (
        "import sys\n"
        "from dj_cqrs.management.progress import Progress\n"
        "with Progress(25, sys.stdout) as progress:\n"
        "    progress.advance(25)\n"
    )
    terminal, its_end = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=its_end,
        env={**os.environ, "TERM": "xterm"},
        timeout=30,
        check=True,
    )
    os.close(its_end)

    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert "25/25" in shown
    assert "100%" in shown
    assert not process.stdout
