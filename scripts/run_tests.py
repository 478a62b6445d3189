"""Runs the tests of every distribution, each in its own pytest process, and sums up.

One process for all would mix settings and test modules of the same name. Several run side by side,
since they wait for servers most of the time; `--jobs 1` shows output as it comes. Words after `--`
go to every pytest: `scripts/run_tests.py -- -k outbox -x`. Tests marked as slow, which repeat on
more variants what others prove, are left out unless `--slow` is given.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_stack import servers

PYTEST = (sys.executable, "-m", "pytest", "-q", "--durations=3")
ROOT = Path(__file__).resolve().parent.parent
NO_TESTS_SELECTED = 5  # pytest's exit code; happens with -k, and is no failure then


@dataclass(frozen=True)
class Suite:
    """One run of pytest."""

    name: str
    directory: str
    database: str = "sqlite"
    arguments: tuple[str, ...] = ()
    marked: str = ""

    def command(self, *, slow: bool) -> list[str]:
        """Words that run it, with or without the tests that are marked slow."""
        wanted = [self.marked] if self.marked else []
        wanted += [] if slow else ["not slow"]
        selection = ("-m", " and ".join(wanted)) if wanted else ()
        return [*PYTEST, *selection, *self.arguments]


#: No database is touched there, so once is enough.
TRANSPORT = ("tests/transport", "tests/pitfalls/test_transports.py")
NO_TRANSPORT = tuple(f"--ignore={path}" for path in TRANSPORT)
#: Processes with settings of their own, the same for each database; and what a database refuses
#: that is stricter than SQLite is.
NO_SETTINGS = ("--ignore=tests/test_settings.py", "--ignore=tests/test_schemathesis.py")
# The longest first: they run side by side.
SUITES = (
    Suite("integration_tests", "integration_tests"),
    Suite("interoperability", "interoperability"),
    Suite("local_stack", "local_stack"),
    # What needs no database, or a broker too, once is enough of: on SQLite, and on PostgreSQL.
    Suite("cqrs on PostgreSQL", "shared/cqrs", "postgres", NO_TRANSPORT, "database"),
    Suite("cqrs on SQLite", "shared/cqrs", "sqlite", NO_TRANSPORT, "not (database and broker)"),
    Suite("cqrs on RabbitMQ", "shared/cqrs", arguments=TRANSPORT),
    Suite("master on PostgreSQL", "master_service", "postgres"),
    Suite("master on SQLite", "master_service", "sqlite", NO_SETTINGS),
    Suite("replica on PostgreSQL", "replica_service", "postgres"),
    Suite("replica on SQLite", "replica_service", "sqlite", NO_SETTINGS),
    Suite("notifier", "notifier_service"),
    Suite("demo", "demo"),
)


@dataclass(frozen=True)
class Result:
    """How a suite ended."""

    name: str
    passed: bool
    summary: str
    seconds: float


class Output:
    """Shows what suites print: as it comes, or in one piece at the end of each."""

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()

    def show(self, line: str) -> None:
        """Take one line of a suite that is running."""
        if self._at_once:
            print(line, end="", flush=True)

    def close(self, suite: Suite, lines: list[str]) -> None:
        """Take everything of a suite that has ended."""
        if not self._at_once:
            with self._lock:
                print(f"\n=== {suite.name}", *lines, sep="\n", flush=True)


def run(suite: Suite, pytest_arguments: list[str], output: Output, *, slow: bool) -> Result:
    """Run one suite to its end."""
    print(f"=== {suite.name}: started", flush=True)
    started = time.monotonic()
    process = subprocess.Popen(
        [*suite.command(slow=slow), *pytest_arguments],
        cwd=ROOT / suite.directory,
        env={**os.environ, "TEST_DATABASE": suite.database},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        output.show(line)
        lines.append(line.rstrip("\n"))
    passed = process.wait() in (0, NO_TESTS_SELECTED if pytest_arguments else 0)
    output.close(suite, lines)
    return Result(suite.name, passed, last_words(lines), time.monotonic() - started)


def last_words(lines: list[str]) -> str:
    """Find pytest's own summary, "12 passed in 3.45s"."""
    words = ("passed", "failed", "error", "no tests ran")
    verdicts = [line.strip(" =") for line in lines if " in " in line]
    found = [line for line in verdicts if any(word in line for word in words)]
    return found[-1] if found else "no summary, see above"


def chosen(names: list[str]) -> list[Suite]:
    """Suites of the distributions named, or all that exist."""
    wanted = [s for s in SUITES if not names or any(n in (s.name, s.directory) for n in names)]
    return [suite for suite in wanted if (ROOT / suite.directory / "tests").is_dir()]


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """Read the command line: our words, and those for pytest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="distributions, for example shared/cqrs")
    parser.add_argument("--jobs", type=int, default=2, help="suites at a time")
    parser.add_argument("--slow", action="store_true", help="slow tests as well")
    ours, theirs = sys.argv[1:], list[str]()
    if "--" in ours:
        at = ours.index("--")
        ours, theirs = ours[:at], ours[at + 1 :]
    parsed = parser.parse_args(ours)
    if not chosen(parsed.names):
        parser.error(f"no tests in {' '.join(parsed.names) or ROOT}")
    return parsed, theirs


def main() -> int:
    """Run the chosen suites; exit code 1 if one failed."""
    options, pytest_arguments = arguments()
    suites = chosen(options.names)
    output = Output(at_once=options.jobs == 1 or len(suites) == 1)
    servers.prepare()
    started = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(
            pool.map(lambda s: run(s, pytest_arguments, output, slow=options.slow), suites)
        )

    print(f"\n=== summary, after {time.monotonic() - started:.0f} s")
    for result in results:
        verdict = "ok    " if result.passed else "FAILED"
        print(f"{verdict} {result.name:20} {result.seconds:6.1f} s  {result.summary}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
