"""The doors of the web server: headers, limits, and pages that tell no secret."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from replica_service.api.throttling import ByAddress
from replica_service.error_reports import ReporterFilter

pytestmark = pytest.mark.django_db

PAGES = ["/api/genres/", "/api/docs/", "/admin/login/", "/livez", "/no-such-page/"]


@pytest.mark.parametrize("page", PAGES)
def test_every_answer_tells_browsers_what_not_to_do(client: Client, page: str) -> None:
    headers = client.get(page).headers

    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize("page", ["/api/docs/", "/admin/login/"])
def test_pages_have_no_script_that_the_policy_forbids(client: Client, page: str) -> None:
    html = client.get(page).content.decode()

    assert html.count("<script src=") == html.count("<script")
    assert "//cdn" not in html


def test_who_asks_too_often_is_told_to_wait(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(ByAddress, "rate", "2/day", raising=False)

    answers = [client.get("/api/genres/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "throttled"
    assert int(answers[2].headers["Retry-After"]) > 0
    cache.clear()


def test_an_address_that_a_client_claims_does_not_count(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(ByAddress, "rate", "1/day", raising=False)

    answers = [
        client.get("/api/genres/", headers={"X-Forwarded-For": f"10.0.0.{number}"})
        for number in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 429]
    cache.clear()


def fails(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [path("fails/", fails)]


@pytest.mark.urls(__name__)
def test_an_error_page_shows_no_password(settings: LazySettings) -> None:
    settings.DEBUG = True
    settings.CQRS = {**settings.CQRS, "url": "amqp://replica:of-the-broker@mq:5672/"}
    # As Django's own server does it, which hands the whole environment over.
    environment: dict[str, Any] = {"DATABASE_URL": "postgres://replica:of-the-database@db/replica"}
    client = Client(raise_request_exception=False)

    page = client.get("/fails/", **environment).content.decode()

    assert "ZeroDivisionError" in page
    assert "amqp://replica:" in page
    assert "postgres://replica:" in page
    assert "of-the-broker" not in page
    assert "of-the-database" not in page
    assert settings.SECRET_KEY not in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("amqp://user:p%40ss@host/", f"amqp://user:{ReporterFilter.cleansed_substitute}@host/"),
        ("redis://:secret@host/0", f"redis://:{ReporterFilter.cleansed_substitute}@host/0"),
        ("https://host:80/a@b", "https://host:80/a@b"),
        ("no url", "no url"),
        (7, 7),
    ],
)
def test_only_the_password_of_a_url_is_hidden(value: object, shown: object) -> None:
    assert ReporterFilter().cleanse_setting("url", value) == shown
