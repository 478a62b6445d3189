"""Fixtures of all tests of the master service."""

from typing import Any

import environ
import pytest
from django.db import connection
from rest_framework.test import APIClient

from master_service.catalogue import services
from master_service.catalogue.models import Track
from master_service.database import database_settings
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
        connection.settings_dict["TEST"]["NAME"] = f"test_master_service{worker}"


@pytest.fixture
def reader() -> APIClient:
    """A client without a token."""
    return APIClient()


@pytest.fixture
def api() -> APIClient:
    """A client that may write."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer current-token")
    return client


@pytest.fixture
def track(db: None) -> Track:
    """A track with everything beside it: album, artist, genre, media type."""
    return create_track()


def create_track(**values: Any) -> Track:
    """A track that the test needs, with its words in place of the usual ones."""
    names = {
        "artist_name": values.pop("artist_name", "Motörhead"),
        "album_title": values.pop("album_title", "Ace of Spades"),
        "media_type_name": values.pop("media_type_name", "MPEG audio file"),
        "genre_name": values.pop("genre_name", "Metal"),
    }
    return services.track_create(
        values={"name": "Ace of Spades", "unit_price": "0.99", **values}, **names
    )
