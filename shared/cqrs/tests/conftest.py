"""Fixtures of all tests of the library."""

import atexit
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connections
from django.test import modify_settings

from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from local_stack.servers import PostgresServer
from tests.settings import TEST_DATABASE
from tests.settings import postgres as postgres_settings

if TYPE_CHECKING:
    from tests.app.master_models import Author


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Points the test databases to a server of local_stack, where none is named."""
    if TEST_DATABASE != "postgres" or os.environ.get("TEST_DATABASE_URL"):
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    for alias in settings.DATABASES:
        connection = connections[alias]
        suffix = getattr(request.config, "workerinput", {}).get("workerid", "")
        changes = postgres_settings(f"cqrs_{alias}{suffix}", server.url)
        connection.settings_dict.update(changes)
        connection.settings_dict["TEST"]["NAME"] = f"test_cqrs_{alias}{suffix}"


@pytest.fixture
def author(transactional_db: None) -> "Author":
    """An author at revision 0 whose creation was taken from the outbox."""
    from tests.app.master_models import Author
    from tests.master import outbox_reader

    author = Author.objects.create(name="Lem")
    outbox_reader.take()
    return author


@pytest.fixture
def produced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TransportPayload]]:
    """What direct mode, without an outbox, hands to the transport."""
    payloads: list[TransportPayload] = []
    monkeypatch.setattr(producer, "produce", payloads.append)
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}):
        yield payloads


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of what only PostgreSQL has (row locks) belong to the run on PostgreSQL."""
    if TEST_DATABASE == "postgres":
        return
    elsewhere = [item for item in items if item.get_closest_marker("postgres")]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


@atexit.register
def _remove_files() -> None:
    if TEST_DATABASE != "postgres":
        shutil.rmtree(Path(str(settings.DATABASES["default"]["NAME"])).parent, ignore_errors=True)
