"""What a supervisor or a load balancer asks."""

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from dj_cqrs.outbox.models import RelayHeartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture
def relay() -> RelayHeartbeat:
    """A sign of life of a relay."""
    values = {"name": "relay 1 on here", "host": "here", "pid": 1}
    return RelayHeartbeat.objects.create(started_at=Now(), beat_at=Now(), **values)


def test_a_serving_process_is_alive(client: Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}


def test_a_service_with_its_database_and_a_relay_is_ready(
    client: Client, relay: RelayHeartbeat
) -> None:
    assert client.get("/readyz").status_code == 200


def test_a_service_without_a_relay_is_not_ready_but_serves(client: Client) -> None:
    (reason,) = client.get("/readyz").json()["reasons"]

    assert reason.startswith("relay: 0 of 1 alive")
    assert client.get("/readyz?exclude=relay").status_code == 200


def test_a_process_that_lacks_migrations_says_so(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'catalogue'")

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
