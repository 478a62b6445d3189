"""Runs the tests of every distribution, each in its own pytest process, and sums up.

One process for all would mix settings and test modules of the same name. Words after `--` go to
every pytest: `scripts/run_tests.py -- -k outbox -x`.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

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


#: No database is touched there, so once is enough.
TRANSPORT = "tests/transport"
SUITES = (
    Suite("local_stack", "local_stack"),
    Suite("cqrs on RabbitMQ", "shared/cqrs", arguments=(TRANSPORT,)),
    Suite("cqrs on SQLite", "shared/cqrs", "sqlite", (f"--ignore={TRANSPORT}",)),
    Suite("cqrs on PostgreSQL", "shared/cqrs", "postgres", (f"--ignore={TRANSPORT}",)),
    Suite("master on SQLite", "master_service", "sqlite"),
    Suite("master on PostgreSQL", "master_service", "postgres"),
    Suite("replica on SQLite", "replica_service", "sqlite"),
    Suite("replica on PostgreSQL", "replica_service", "postgres"),
    Suite("demo", "demo"),
    Suite("integration_tests", "integration_tests"),
)


@dataclass(frozen=True)
class Result:
    """How a suite ended."""

    name: str
    passed: bool
    summary: str
    seconds: float


def run(suite: Suite, pytest_arguments: list[str]) -> Result:
    """Run one suite; its output is shown as it comes."""
    print(f"\n=== {suite.name}", flush=True)
    started = time.monotonic()
    process = subprocess.Popen(
        [*PYTEST, *suite.arguments, *pytest_arguments],
        cwd=ROOT / suite.directory,
        env={**os.environ, "TEST_DATABASE": suite.database},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    last = "no output"
    for line in process.stdout:
        print(line, end="", flush=True)
        if " in " in line and ("passed" in line or "failed" in line or "error" in line):
            last = line.strip(" =\n")
    passed = process.wait() in (0, NO_TESTS_SELECTED if pytest_arguments else 0)
    return Result(suite.name, passed, last, time.monotonic() - started)


def chosen(names: list[str]) -> list[Suite]:
    """Suites of the distributions named, or all that exist."""
    wanted = [s for s in SUITES if not names or any(n in (s.name, s.directory) for n in names)]
    return [suite for suite in wanted if (ROOT / suite.directory / "tests").is_dir()]


def main() -> int:
    """Run the chosen suites; exit code 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="distributions, for example shared/cqrs")
    before, _, after = " ".join(sys.argv[1:]).partition("--")
    arguments = parser.parse_args(before.split())
    suites = chosen(arguments.names)
    if not suites:
        parser.error(f"no tests in {' '.join(arguments.names) or ROOT}")

    results = [run(suite, after.split()) for suite in suites]

    print("\n=== summary")
    for result in results:
        verdict = "ok    " if result.passed else "FAILED"
        print(f"{verdict} {result.name:20} {result.seconds:6.1f} s  {result.summary}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
