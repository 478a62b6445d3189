"""Whatever is sent, the answer is a 4xx in the one error shape: never a 500."""

import json
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from master_service.catalogue.models import Genre, Track

pytestmark = pytest.mark.django_db

BAD_VALUES = [
    ("name", ""),
    ("name", "   "),
    ("name", None),
    ("name", "x" * 201),
    ("name", "nul \x00 byte"),
    ("name", ["a", "list"]),
    ("name", {"an": "object"}),
    ("name", True),
    ("composer", "x" * 301),
    ("id", 0),
    ("id", -1),
    ("id", 2**53),
    ("id", 2**63),
    ("id", 10**400),
    ("id", "1"),
    ("id", "abc"),
    ("id", 1.5),
    ("id", True),
    ("id", None),
    ("album", 999),
    ("album", 2**63),
    ("album", "abc"),
    ("album", 1.5),
    ("album", [1]),
    ("album", {"id": 1}),
    ("album", False),
    ("album", -1),
    ("genre", 999),
    ("media_type", 999),
    ("unit_price", -0.01),
    ("unit_price", "abc"),
    ("unit_price", None),
    ("unit_price", "0.999"),
    ("unit_price", 10**9),
    ("unit_price", "1e400"),
    ("unit_price", "NaN"),
    ("unit_price", "Infinity"),
    ("unit_price", True),
    ("unit_price", []),
    ("unit_price", "9" * 2000),
    ("milliseconds", -1),
    ("milliseconds", 2**31),
    ("milliseconds", "abc"),
    ("milliseconds", 1.5),
    ("bytes", -1),
    ("bytes", 2**63),
    ("no_such_field", 1),
]


def assert_refused(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json()
    assert set(body) == {"code", "message", "details"}
    return body


def post_raw(api: APIClient, body: Any, content_type: str = "application/json") -> Any:
    return api.generic("POST", "/api/genres/", body, content_type=content_type)


@pytest.mark.parametrize(("field", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_under_its_field(
    api: APIClient, track: Track, field: str, value: Any
) -> None:
    body = {
        "name": "Bomber",
        "album": track.album_id,
        "media_type": track.media_type_id,
        "unit_price": "0.99",
        field: value,
    }

    response = api.post("/api/tracks/", body)

    assert field in assert_refused(response)["details"]
    assert Track.objects.count() == 1


@pytest.mark.parametrize(("field", "value"), [row for row in BAD_VALUES if row[0] != "id"])
def test_a_bad_change_is_refused_under_its_field(
    api: APIClient, track: Track, field: str, value: Any
) -> None:
    response = api.patch(f"/api/tracks/{track.pk}/", {field: value})

    assert field in assert_refused(response)["details"]
    track.refresh_from_db()
    assert track.cqrs_revision == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"name=Rock",
        b"[]",
        b'"Rock"',
        b"null",
        b"1",
        b'{"name": NaN}',
        b'{"name": 1e400}',
        rb'{"name": "half a \uD83C character"}',
        rb'{"half a name \ud800": 1}',
        b"\xff\xfe",
        b'{"name": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": ' * 100_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_object_is_refused(api: APIClient, body: bytes) -> None:
    response = post_raw(api, body)

    assert_refused(response)


@pytest.mark.parametrize("charset", ["utf-16", "hex", "rot13", "no-such-charset"])
def test_a_claimed_charset_does_not_matter(api: APIClient, charset: str) -> None:
    body = json.dumps({"name": "Rock"}).encode()

    response = post_raw(api, body, f"application/json; charset={charset}")

    assert response.status_code == 201


def test_a_whole_character_may_be_escaped(api: APIClient) -> None:
    body = rb'{"name": "\ud83c\udfb8"}'

    response = post_raw(api, body)

    assert response.json()["name"] == "\N{GUITAR}"


def test_a_body_that_is_too_large_is_refused(api: APIClient) -> None:
    body = b'"' + b"x" * settings.API_MAX_BODY_BYTES + b'"'

    response = post_raw(api, body)

    assert_refused(response, 413)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_understood(api: APIClient, content_type: str) -> None:
    response = post_raw(api, b"name=Rock", content_type)

    assert_refused(response, 415)


@pytest.mark.parametrize(
    "key", ["0", "999", "9" * 30, "abc", "-1", "1.5", "%00", "1%00", "1'", "%F0%9F%8E%B8", "٣"]
)
def test_an_address_of_nothing_is_404(api: APIClient, key: str) -> None:
    for method in (api.get, api.put, api.patch, api.delete):
        assert_refused(method(f"/api/genres/{key}/", {"name": "Rock"}), 404)


@pytest.mark.parametrize(
    "query",
    [
        "album=abc",
        "album=99999999999999999999",
        "album=1.5",
        "album=-1",
        "min_price=abc",
        "min_price=1e40",
        "min_price=NaN",
        "max_price=0.001",
        "max_price=-1",
        "name=%00",
    ],
)
def test_a_bad_filter_is_refused(reader: APIClient, query: str) -> None:
    body = assert_refused(reader.get(f"/api/tracks/?{query}"))

    assert query.partition("=")[0] in body["details"]


@pytest.mark.parametrize(
    "query", ["ordering=no_such_field", "ordering=album__artist__name", "page_size=0", "x=%00"]
)
def test_an_unknown_wish_is_ignored(reader: APIClient, query: str) -> None:
    assert reader.get(f"/api/tracks/?{query}").status_code == 200


@pytest.mark.parametrize("page", ["0", "-1", "abc", "9" * 30, "%00"])
def test_a_page_that_does_not_exist_is_404(reader: APIClient, page: str) -> None:
    assert_refused(reader.get(f"/api/tracks/?page={page}"), 404)


@pytest.mark.parametrize(
    "when",
    ["yesterday", "2026-13-01", "%00", "0001-01-01T00:00:00%2B01:00", "9999-12-31T23:00:00-02:00"],
)
def test_a_bad_time_is_refused(reader: APIClient, when: str) -> None:
    assert_refused(reader.get(f"/api/price-changes/?changed_after={when}"))


def test_a_time_may_be_far_from_greenwich(reader: APIClient) -> None:
    for when in ("2026-01-01T00:00:00%2B23:14", "2026-01-01T00:00:00-23:59"):
        assert reader.get(f"/api/price-changes/?changed_after={when}").status_code == 200


def test_a_name_that_is_taken_is_refused(api: APIClient) -> None:
    genre = Genre.objects.create(name="Rock")
    other = Genre.objects.create(name="Jazz")

    assert "name" in assert_refused(api.post("/api/genres/", {"name": "Rock"}))["details"]
    response = api.patch(f"/api/genres/{other.pk}/", {"name": "Rock"})
    assert "name" in assert_refused(response)["details"]
    response = api.post("/api/genres/", {"id": genre.pk, "name": "Opera"})
    assert "id" in assert_refused(response)["details"]


def test_an_address_that_does_not_exist_is_404_in_the_same_shape(reader: APIClient) -> None:
    assert_refused(reader.get("/api/no-such-resource/"), 404)


def test_a_method_that_is_not_offered_is_405(api: APIClient) -> None:
    assert_refused(api.delete("/api/genres/"), 405)
