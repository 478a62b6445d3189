"""The diff commands as people run them: processes, each on its own database, with real pipes."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dj_cqrs import wire
from tests.settings import TEST_DATABASE

pytestmark = pytest.mark.skipif(TEST_DATABASE != "sqlite", reason="has databases of its own")

ROOT = Path(__file__).parents[2]
#: More than a pipe buffers, so that the processes have to work side by side.
COUNT = 8_000
MOMENT = "2026-01-01 00:00:00"


class Service:
    """One service: its database file, and its commands."""

    def __init__(self, database: Path) -> None:
        self.database = database

    def start(
        self, *command: str, stdin: int | None = None, stdout: int = subprocess.PIPE
    ) -> "subprocess.Popen[bytes]":
        """Starts a command, with the plainest of locales."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.commands.pipe_settings",
            "PIPE_DATABASE": str(self.database),
            "LC_ALL": "C",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "django", *command],
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def run(self, *command: str) -> None:
        """Runs a command to its end."""
        process = self.start(*command)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()

    def execute(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Writes past every hook, as drift does."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.executemany(statement, rows)

    def select(self, query: str) -> list[tuple[object, ...]]:
        """Reads rows."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()


def pipe(*parts: tuple[Service, list[str]]) -> tuple[list[int], str]:
    """Runs commands that read from each other; returns their exit codes and the last output."""
    processes: list[subprocess.Popen[bytes]] = []
    for service, command in parts:
        source = processes[-1].stdout if processes else None
        processes.append(service.start(*command, stdin=source.fileno() if source else None))
        if source:
            source.close()  # only the reader has it now
    output, _ = processes[-1].communicate(timeout=60)
    for process in processes[:-1]:
        if process.stderr:
            process.stderr.close()
    return [process.wait(60) for process in processes], output.decode()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables."""
    service = Service(tmp_path_factory.mktemp("pipes") / "empty.sqlite3")
    service.run("migrate", "--run-syncdb", "-v0")
    return service.database


@pytest.fixture
def master(tmp_path: Path, empty: Path) -> Service:
    return Service(Path(shutil.copy(empty, tmp_path / "master.sqlite3")))


@pytest.fixture
def replica(tmp_path: Path, empty: Path) -> Service:
    return Service(Path(shutil.copy(empty, tmp_path / "replica.sqlite3")))


@pytest.fixture
def drifted(master: Service, replica: Service) -> None:
    """Two rows differ, one is missing, one is too many; all keys are texts beyond ASCII."""
    rows = [(f"É{number}", "x", 3, MOMENT) for number in range(COUNT)]
    master.execute(_insert("country"), rows)
    replica.execute(_insert("countrycopy"), [*rows[1:], ("Ü", "x", 0, MOMENT)])
    replica.execute("UPDATE app_countrycopy SET cqrs_revision = ? WHERE code = ?", [(2, "É1")])
    replica.execute("UPDATE app_countrycopy SET cqrs_revision = ? WHERE code = ?", [(9, "É2")])


def _insert(table: str) -> str:
    return f"INSERT INTO app_{table} (code, name, cqrs_revision, cqrs_updated) VALUES (?, ?, ?, ?)"


@pytest.mark.usefixtures("drifted")
def test_what_differs_comes_into_the_masters_outbox(master: Service, replica: Service) -> None:
    codes, output = pipe(
        (master, ["cqrs_diff_master", "--cqrs-id=country", "-b", "1000"]),
        (replica, ["cqrs_diff_replica", "--revisions"]),
        (master, ["cqrs_diff_sync"]),
    )

    assert codes == [0, 0, 0]
    assert output == "Done!\n3 instance(s) synced.\n3 instance(s) processed.\n"
    messages = master.select("SELECT routing_key, body FROM cqrs_outbox_outboxmessage")
    assert {key for key, _ in messages} == {"cqrs.shop.country"}
    data = [wire.decode(bytes(body))["instance_data"] for _, body in messages]  # type: ignore[call-overload]
    assert {row["code"]: row["cqrs_revision"] for row in data} == {"É0": 3, "É1": 3, "É2": 10}


@pytest.mark.usefixtures("drifted")
def test_what_the_master_does_not_have_is_removed(master: Service, replica: Service) -> None:
    codes, output = pipe(
        (replica, ["cqrs_deleted_diff_replica", "--cqrs-id=country"]),
        (master, ["cqrs_deleted_diff_master"]),
        (replica, ["cqrs_deleted_sync_replica"]),
    )

    assert codes == [0, 0, 0]
    assert output == "Done!\n1 instance(s) deleted.\n1 instance(s) processed.\n"
    assert replica.select("SELECT COUNT(*) FROM app_countrycopy") == [(COUNT - 1,)]
    assert replica.select("SELECT row_pk, is_deleted, revision FROM cqrs_inbox_ledgerentry") == [
        ("Ü", 1, 1)
    ]


def test_a_part_that_fails_fails_all_that_follow(master: Service, replica: Service) -> None:
    codes, _ = pipe(
        (master, ["cqrs_diff_master", "--cqrs-id=nobody"]),
        (replica, ["cqrs_diff_replica"]),
        (master, ["cqrs_diff_sync"]),
    )

    assert codes == [1, 1, 1]
