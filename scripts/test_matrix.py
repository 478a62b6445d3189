"""Runs the library's tests where `make test` does not: MariaDB, newer Pythons, the newest Django.

Newer Pythons are those of the images python:X.Y, where a Docker engine answers. What this machine
has not is named and left out. `scripts/test_matrix.py mariadb python3.13` runs some of it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_stack import packages
from local_stack.containers import docker_answers

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = "shared/cqrs"
#: mysqlclient is compiled: it is kept out of the environment that everybody needs.
MYSQLCLIENT = ROOT / ".matrix" / "mysqlclient"
HEADERS = ("default-libmysqlclient-dev", "gcc", "pkg-config", "python3-dev")
PYTHONS = ("3.12", "3.13")
DJANGOS = {"Django 5.2": "Django>=5.2,<5.3", "the newest Django": "Django"}

#: In an empty directory that holds a copy of the repository.
IN_COPY = """
set -e
scripts/venv
.venv/bin/pip install --quiet --disable-pip-version-check --upgrade "$DJANGO"
.venv/bin/python --version
.venv/bin/python -m django --version
.venv/bin/python scripts/run_tests.py --jobs 2 shared/cqrs
"""


@dataclass(frozen=True)
class Run:
    """One cell of the matrix; ``start`` returns the exit code, None where it is impossible."""

    name: str
    start: Callable[[], int | None]


def mariadb() -> int | None:
    """The library on MariaDB, in the environment of `make test`."""
    if not install_mysqlclient():
        return None
    command = [sys.executable, "-m", "pytest", "-q", "--ignore=tests/transport"]
    environment = {
        **os.environ,
        "TEST_DATABASE": "mariadb",
        "PYTHONPATH": str(MYSQLCLIENT),
    }
    return subprocess.run(command, cwd=ROOT / LIBRARY, env=environment, check=False).returncode


def install_mysqlclient() -> bool:
    """Compile Django's client of MySQL and MariaDB, once; what that needs is installed first."""
    if MYSQLCLIENT.is_dir() or compile_mysqlclient():
        return True
    if not packages.may_install():
        return False
    packages.install(*HEADERS)
    return compile_mysqlclient()


def compile_mysqlclient() -> bool:
    """Try it with what is there."""
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(MYSQLCLIENT))
    if subprocess.run([*command, "mysqlclient>=2.2"], check=False).returncode == 0:
        return True
    shutil.rmtree(MYSQLCLIENT, ignore_errors=True)
    return False


def on_python(version: str, django: str) -> int | None:
    """The library on another Python, with all servers that its tests want."""
    if docker_answers():
        image = f"python:{version}"
        container = ["docker", "run", "--rm", "-i", "-e", f"DJANGO={django}", "-e", "CI=true"]
        return in_copy(
            [*container, image, "bash", "-c", "mkdir /copy && cd /copy && tar x && " + IN_COPY]
        )
    return None


def in_copy(command: list[str]) -> int:
    """Give a command the files of the working tree on its standard input, as a tar archive."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    pack = ["tar", "c", "--null", "--files-from=-"]
    archive = subprocess.run(pack, cwd=ROOT, input=names, stdout=subprocess.PIPE, check=True)
    return subprocess.run(command, input=archive.stdout, check=False).returncode


def matrix() -> list[Run]:
    """All cells."""
    runs = [Run("mariadb", mariadb)]
    for version in PYTHONS:
        for name, requirement in DJANGOS.items():
            runs.append(
                Run(
                    f"python{version} {name}",
                    lambda version=version, requirement=requirement: on_python(  # type: ignore[misc]
                        version, requirement
                    ),
                )
            )
    return runs


def main() -> int:
    """Run the cells that are named, or all; exit code 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of names, for example python3.13")
    names = tuple(parser.parse_args().names) or ("",)
    verdicts = []
    for run in matrix():
        if not run.name.startswith(names):
            continue
        print(f"=== {run.name}", flush=True)
        started = time.monotonic()
        code = run.start()
        verdict = "not on this machine" if code is None else "FAILED" if code else "ok"
        verdicts.append((verdict, run.name, time.monotonic() - started))
    print("\n=== matrix")
    for verdict, name, seconds in verdicts:
        print(f"{verdict:20} {name:32} {seconds:6.0f} s")
    return int(any(verdict == "FAILED" for verdict, *_ in verdicts))


if __name__ == "__main__":
    sys.exit(main())
