"""Bulk creation: all or none, with a number of statements that does not grow with the list."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from master_service.catalogue.models import Album, Artist, Genre, MediaType, Track

pytestmark = pytest.mark.django_db


@pytest.fixture
def parents() -> dict[str, int]:
    artist = Artist.objects.create(name="Motörhead")
    album = Album.objects.create(title="Bomber", artist=artist)
    return {"album": album.pk, "media_type": MediaType.objects.create(name="MPEG").pk}


def tracks(parents: dict[str, int], count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"Track {number}", "unit_price": "0.99", **parents} for number in range(count)
    ]


def test_many_rows_are_created_in_order(api: APIClient) -> None:
    response = api.post("/api/genres/bulk/", [{"id": 7, "name": "Opera"}, {"name": "Rock"}])

    assert response.status_code == 201
    assert [row["name"] for row in response.json()] == ["Opera", "Rock"]
    assert response.json()[0]["id"] == 7
    assert Genre.objects.count() == 2


def test_a_list_costs_as_many_queries_as_one_row(api: APIClient, parents: dict[str, int]) -> None:
    counts = []
    for count in (2, 200):
        with CaptureQueriesContext(connection) as queries:
            assert api.post("/api/tracks/bulk/", tracks(parents, count)).status_code == 201
        counts.append(len(queries))

    # SQLite splits an INSERT of very many values; that is far from one query a row.
    assert counts[1] <= counts[0] + 5
    assert Track.objects.count() == 202


BAD_LISTS = [
    ([], "non_field_errors", "empty"),
    ({"name": "Rock"}, "non_field_errors", "list"),
    ("Rock", "non_field_errors", "list"),
    ([{"name": "Rock"}, {"name": ""}], "1", "blank"),
    ([{"name": "Rock"}, {}], "1", "required"),
    ([{"name": "Rock"}, None], "1", ""),
    ([{"name": "Rock"}, "Jazz"], "1", ""),
    ([{"name": "Rock"}, {"name": "Rock"}], "1", "taken"),
    ([{"id": 4, "name": "Rock"}, {"id": 4, "name": "Jazz"}], "1", "taken"),
    ([{"name": "Rock"}, {"id": 1, "name": "Jazz"}], "1", "taken"),
    ([{"name": "Rock"}, {"name": "Stored"}], "1", "taken"),
    ([{"name": "Rock"}, {"nome": "Jazz", "name": "Jazz"}], "1", "no such field"),
    ([{"id": 2**63, "name": "Rock"}], "0", "less than"),
]


@pytest.mark.parametrize(("body", "key", "word"), BAD_LISTS)
def test_a_bad_list_is_refused_whole(api: APIClient, body: Any, key: str, word: str) -> None:
    Genre.objects.create(pk=1, name="Stored")

    response = api.post("/api/genres/bulk/", body, format="json")

    assert response.status_code == 400
    assert response.json()["details"].keys() == {key}
    assert word in str(response.json()["details"][key])
    assert Genre.objects.count() == 1


def test_a_list_that_is_too_long_is_refused(api: APIClient) -> None:
    items = [{"name": f"Genre {number}"} for number in range(settings.API_BULK_MAX_ITEMS + 1)]

    response = api.post("/api/genres/bulk/", items)

    assert response.status_code == 400
    assert str(settings.API_BULK_MAX_ITEMS) in str(response.json()["details"])


def test_missing_parents_are_named_by_index(api: APIClient, parents: dict[str, int]) -> None:
    items = tracks(parents, 3)
    items[1]["album"] = 999
    items[2]["genre"] = 998

    response = api.post("/api/tracks/bulk/", items)

    assert response.status_code == 400
    assert response.json()["details"] == {
        "1": {"album": ["There is no album 999."]},
        "2": {"genre": ["There is no genre 998."]},
    }
    assert not Track.objects.exists()


def test_an_album_title_is_unique_for_its_artist_in_a_list_too(
    api: APIClient, parents: dict[str, int]
) -> None:
    artist = Artist.objects.get().pk
    other = Artist.objects.create(name="Girlschool").pk
    items = [
        {"title": "Bomber", "artist": other},
        {"title": "Bomber", "artist": artist},
        {"title": "Overkill", "artist": artist},
        {"title": "Overkill", "artist": artist},
    ]

    response = api.post("/api/albums/bulk/", items)

    assert response.json()["details"].keys() == {"1", "3"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": [], "unit_price": 1}, "ids"),
        ({"ids": [1, 1], "unit_price": 1}, "ids"),
        ({"ids": [998, 999], "unit_price": 1}, "ids"),
        ({"ids": ["x"], "unit_price": 1}, "ids"),
        ({"ids": [2**63], "unit_price": 1}, "ids"),
        ({"ids": [1.5], "unit_price": 1}, "ids"),
        ({"ids": list(range(1, 1002)), "unit_price": 1}, "ids"),
        ({"ids": 1, "unit_price": 1}, "ids"),
        ({"unit_price": 1}, "ids"),
        ({"ids": [1], "unit_price": -1}, "unit_price"),
        ({"ids": [1]}, "unit_price"),
        ({"ids": [1], "unit_price": 1, "name": "x"}, "name"),
        ([], "non_field_errors"),
    ],
)
def test_a_bad_change_of_prices_is_refused(api: APIClient, body: Any, field: str) -> None:
    response = api.patch("/api/tracks/bulk/", body, format="json")

    assert response.status_code == 400
    assert field in response.json()["details"]
