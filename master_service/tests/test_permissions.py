"""Reads are open; writes need one of the configured tokens."""

import io

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from rest_framework.test import APIClient

from master_service.api.authentication import token_hash
from master_service.catalogue.models import Genre

pytestmark = pytest.mark.django_db

WRITES = [
    ("post", "/api/genres/"),
    ("post", "/api/genres/bulk/"),
    ("put", "/api/genres/1/"),
    ("patch", "/api/genres/1/"),
    ("delete", "/api/genres/1/"),
    ("patch", "/api/tracks/bulk/"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "header",
    [
        *(None, "Bearer wrong", "Bearer ", "Basic current-token", "current-token", "Bearer ü"),
        # The hash of a token is none.
        f"Bearer {token_hash(b'current-token')}",
    ],
)
def test_a_write_without_a_valid_token_is_refused(
    reader: APIClient, method: str, path: str, header: str | None
) -> None:
    if header is not None:
        reader.credentials(HTTP_AUTHORIZATION=header)

    response = getattr(reader, method)(path, {"name": "Rock"})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert set(response.json()) == {"code", "message", "details"}
    assert not Genre.objects.exists()


@pytest.mark.parametrize("token", ["current-token", "next-token"])
def test_every_configured_token_may_write(reader: APIClient, token: str) -> None:
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    assert reader.post("/api/genres/", {"name": "Rock"}).status_code == 201


def test_without_a_configured_token_nobody_may_write(
    api: APIClient, settings: LazySettings
) -> None:
    settings.API_TOKEN_HASHES = []

    response = api.post("/api/genres/", {"name": "Rock"})

    assert response.status_code == 401
    assert "API_TOKEN_HASHES" in response.json()["message"]


def test_a_new_token_is_known_by_the_hash_that_is_printed_with_it(
    reader: APIClient, settings: LazySettings
) -> None:
    printed = io.StringIO()

    call_command("make_api_token", stdout=printed)

    words = dict(line.split() for line in printed.getvalue().splitlines())
    settings.API_TOKEN_HASHES = [words["hash"]]
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {words['token']}")
    assert reader.post("/api/genres/", {"name": "Rock"}).status_code == 201


@pytest.mark.parametrize(
    "resource",
    [
        *("artists", "albums", "genres", "media-types", "tracks", "price-changes"),
        *("playlists", "playlist-tracks"),
    ],
)
def test_everybody_may_read(reader: APIClient, resource: str) -> None:
    assert reader.get(f"/api/{resource}/").status_code == 200
