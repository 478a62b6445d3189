"""Fixtures of all tests of the replica service."""

import environ
import pytest
from django.db import connection
from rest_framework.test import APIClient

from replica_service.database import database_settings
from tests.settings import TEST_DATABASE, TEST_DATABASE_URL


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Points the test database to a server of local_stack, where none is named."""
    if TEST_DATABASE == "postgres" and not TEST_DATABASE_URL:
        url = request.getfixturevalue("postgres").url
        parsed = environ.Env.db_url_config(url)
        connection.settings_dict.update(database_settings(parsed))
    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    if TEST_DATABASE == "postgres":
        connection.settings_dict["TEST"]["NAME"] = f"test_replica_service{worker}"


@pytest.fixture
def api() -> APIClient:
    """A client of the API."""
    return APIClient()
