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
from django.test import TransactionTestCase, modify_settings

from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from local_stack.servers import Server
from tests.emptying import Emptier
from tests.settings import TEST_DATABASE, on_server

if TYPE_CHECKING:
    from tests.app.master_models import Author

#: A test that asks for one of these needs what the marker says.
DATABASE_FIXTURES = {"db", "transactional_db"}
BROKER_FIXTURES = {"rabbitmq", "redis"}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Points the test databases to a server of local_stack, where none is named."""
    if TEST_DATABASE == "sqlite" or os.environ.get("TEST_DATABASE_URL"):
        return
    server: Server = request.getfixturevalue(TEST_DATABASE)
    for alias in settings.DATABASES:
        connection = connections[alias]
        suffix = getattr(request.config, "workerinput", {}).get("workerid", "")
        changes = on_server(TEST_DATABASE, f"cqrs_{alias}{suffix}", server.url)
        changes.pop("TEST", None)
        connection.settings_dict.update(changes)
        connection.settings_dict["TEST"]["NAME"] = f"test_cqrs_{alias}{suffix}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Creates the test databases as usual; after each test they are emptied our way."""
    emptier = Emptier()

    def empty(test_case: TransactionTestCase) -> None:
        emptier.empty(test_case.databases)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


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
    """Tests of what only some databases have belong to the runs on these."""
    elsewhere = [item for item in items if not _is_possible_here(item)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what a test stands on, so that scripts/run_tests.py can choose where it runs."""
    fixtures = set(getattr(item, "fixturenames", ()))
    test_class = getattr(item, "cls", None)
    is_of_django = isinstance(test_class, type) and issubclass(test_class, TransactionTestCase)
    if is_of_django or item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
        item.add_marker("database")
    if fixtures & BROKER_FIXTURES:
        item.add_marker("broker")


def _is_possible_here(item: pytest.Item) -> bool:
    if item.get_closest_marker("postgres"):
        return TEST_DATABASE == "postgres"
    if item.get_closest_marker("caseless"):
        return TEST_DATABASE != "postgres"
    return TEST_DATABASE != "sqlite" or not item.get_closest_marker("row_locks")


@atexit.register
def _remove_files() -> None:
    if TEST_DATABASE == "sqlite":
        shutil.rmtree(Path(str(settings.DATABASES["default"]["NAME"])).parent, ignore_errors=True)
