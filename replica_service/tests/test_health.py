"""What a supervisor or a load balancer asks."""

import pytest
from django.db import connection
from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_serving_process_is_alive(client: Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}


def test_a_process_with_its_database_is_ready(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


def test_a_process_that_lacks_migrations_says_so(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'storefront'")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "migrate" in response.json()["reasons"][0]


def test_a_process_without_its_database_is_alive_but_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ConnectionError("postgres://user:secret@somewhere is away")

    monkeypatch.setattr(connection, "cursor", refuse)

    assert client.get("/livez").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "secret" not in response.content.decode()


def test_the_root_leads_to_the_documentation(client: Client) -> None:
    response = client.get("/", follow=True)

    assert response.redirect_chain[-1][0] == "/api/docs/"
    assert b"drf_spectacular_sidecar/swagger-ui-dist" in response.content
