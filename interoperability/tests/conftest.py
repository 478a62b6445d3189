"""Real servers, the real django-cqrs, and pairs of services on either library."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from integration_tests.process import ServiceProcess
from interoperability.libraries import LibraryMissingError, installed_django_cqrs
from interoperability.pairs import Servers
from local_stack.servers import PostgresServer, RabbitMQServer

_LOG_CHARACTERS = 4000


def pytest_report_header() -> str:
    """Say which django-cqrs this run is about."""
    try:
        return f"the other library: django-cqrs {installed_django_cqrs()}"
    except LibraryMissingError as error:
        return f"the other library: none, {error}"


@pytest.fixture(scope="session")
def django_cqrs() -> str:
    """Version of the real django-cqrs."""
    try:
        return installed_django_cqrs()
    except LibraryMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the real django-cqrs: {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def servers(
    django_cqrs: str,
    rabbitmq: RabbitMQServer,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Servers:
    return Servers(rabbitmq, postgres, tmp_path_factory.mktemp("peers"))


@pytest.fixture
def processes() -> Iterator[list[ServiceProcess]]:
    """Processes that a test starts by hand; what it leaves running is killed."""
    started: list[ServiceProcess] = []
    yield started
    for process in started:
        process.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services logged when a test failed."""
    report = yield
    if report.failed:
        for name in ("pair", "master", "replica"):
            fixture = getattr(item, "funcargs", {}).get(name)
            for log in _logs(getattr(fixture, "directory", None)):
                text = log.read_text(errors="replace")
                report.sections.append((f"log {log.name}", text[-_LOG_CHARACTERS:]))
    return report


def _logs(directory: Path | None) -> list[Path]:
    return sorted(directory.glob("*.log")) if directory else []
