"""What the API answers when the database, or the code, lets it down."""

import pytest
from django.db import IntegrityError, OperationalError
from rest_framework.test import APIClient

from master_service import entities

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (IntegrityError("duplicate key"), 409, "conflict"),
        (OperationalError("database is locked"), 503, "unavailable"),
        (RuntimeError("a bug"), 500, "server_error"),
    ],
)
def test_a_failure_keeps_the_shape_and_tells_no_secret(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def fail(**kwargs: object) -> None:
        raise error

    monkeypatch.setattr(entities, "entity_create", fail)
    api.raise_request_exception = False

    response = api.post("/api/genres/", {"name": "Rock"})

    assert response.status_code == status
    assert response.json()["code"] == code
    assert str(error) not in response.content.decode()
