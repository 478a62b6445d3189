"""From a master's rows over a relay, a broker and killed workers into equal tables."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local_stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
ROWS = 60


class Processes:
    """A relay, a supervisor with two workers, and scripts that run to their end."""

    def __init__(self, directory: Path, cqrs: dict[str, Any]) -> None:
        self._database = directory / "rows.sqlite3"
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.end_to_end.settings",
            "END_TO_END_DATABASE": str(self._database),
            "END_TO_END_CQRS": json.dumps(cqrs),
            "TEST_DATABASE": "sqlite",
            "TMPDIR": str(directory),
            "PYTHONPATH": str(ROOT),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._log = (directory / "processes.log").open("ab")

    def run(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=self._environment,
            check=True,
            capture_output=True,
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "django", *words],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            assert process.wait(30) == 0
        self._log.close()

    def rows(self, table: str) -> list[Any]:
        columns = "id, name, cqrs_revision, cqrs_updated"
        connection = sqlite3.connect(self._database)
        try:
            return connection.execute(f"SELECT {columns} FROM {table} ORDER BY id").fetchall()
        finally:
            connection.close()

    def assert_equal_tables(self) -> None:
        expected = self.rows("app_author")
        assert expected
        assert self.rows("app_authorcopy") == expected


def workers_of(supervisor: subprocess.Popen[bytes]) -> list[int]:
    """Processes of the supervisor that run Python code of ours."""
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, command in commands.items() if b"spawn_main" in command]


@pytest.fixture(params=["amqp", "redis", "filesystem"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "filesystem":
        return f"filesystem://{tmp_path}/broker"
    server = request.getfixturevalue({"amqp": "rabbitmq", "redis": "redis"}[request.param])
    address: str = server.url
    return address


@pytest.fixture
def processes(url: str, tmp_path: Path) -> Iterator[Processes]:
    unique = uuid4().hex[:12]
    made = Processes(
        tmp_path,
        {
            "transport": "dj_cqrs.transport.KombuTransport",
            "url": url,
            "exchange": f"exchange-{unique}",
            "queue": f"queue-{unique}",
            # What the killed workers held comes again after so many seconds.
            "transport_options": {"visibility_timeout": 3} if url.startswith("redis") else {},
        },
    )
    yield made
    made.end()


def test_tables_are_equal_after_workers_were_killed(processes: Processes) -> None:
    processes.run("django", "migrate", "--run-syncdb", "--verbosity", "0")
    processes.run("django", "cqrs_declare")
    processes.start("cqrs_relay")
    supervisor = processes.start("cqrs_consume", "-w", "2")
    processes.run("tests.end_to_end.write", "1", str(ROWS))
    eventually(lambda: _assert_some(processes.rows("app_authorcopy")), within_seconds=60)

    workers = workers_of(supervisor)
    assert len(workers) == 2
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    processes.run("tests.end_to_end.write", str(ROWS), str(2 * ROWS))

    eventually(processes.assert_equal_tables, within_seconds=90)


def _assert_some(rows: list[Any]) -> None:
    assert rows
