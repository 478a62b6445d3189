"""Nothing but the consumer writes the copy."""

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from dj_cqrs.exceptions import ReadOnlyReplicaError
from replica_service.storefront.models import Album, Artist, Genre, MediaType, PriceChange, Track
from tests.stream import deliver_row, deliver_track

pytestmark = pytest.mark.django_db

MODELS = [Artist, Album, Genre, MediaType, Track, PriceChange]
RESOURCES = ["artists", "albums", "genres", "media-types", "tracks", "price-changes"]

WRITES: list[Callable[[], object]] = [
    lambda: Artist.objects.create(name="New"),
    lambda: Artist(name="New").save(),
    lambda: Artist.objects.get().save(),
    lambda: Artist.objects.get().delete(),
    lambda: Artist.objects.all().delete(),
    lambda: Artist.objects.update(name="New"),
    lambda: Artist.objects.bulk_create([Artist(name="New")]),
    lambda: Artist.objects.bulk_update([Artist.objects.get()], ["name"]),
    lambda: Artist.objects.get_or_create(name="New"),
    lambda: Artist.objects.update_or_create(pk=21, defaults={"name": "New"}),
]


@pytest.mark.parametrize("write", WRITES)
def test_the_orm_refuses_to_write(write: Callable[[], object]) -> None:
    deliver_row("artist", id=21, name="Motörhead")

    with pytest.raises(ReadOnlyReplicaError):
        write()

    assert list(Artist.objects.values_list("name", flat=True)) == ["Motörhead"]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_protected(model: type[Artist]) -> None:
    with pytest.raises(ReadOnlyReplicaError):
        model.objects.all().delete()


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_api_refuses_to_write(api: APIClient, resource: str, method: str) -> None:
    deliver_track()

    for address in (f"/api/{resource}/", f"/api/{resource}/1/", "/api/tracks/1/"):
        response = getattr(api, method)(address, {"name": "New"})
        assert response.status_code == 405
        assert response.json()["code"] == "read_only"

    assert Track.objects.get().name == "Ace of Spades"


@pytest.mark.parametrize("model", [model._meta.model_name for model in MODELS])
def test_the_admin_shows_but_refuses_to_write(admin_client: Client, model: str) -> None:
    deliver_track()
    deliver_row("artist", id=1, name="Motörhead")
    deliver_row("album", id=1, title="Bomber", artist=99)
    deliver_row("genre", id=1, name="Metal")
    deliver_row("media_type", id=1, name="MPEG")
    moment = "2026-11-23 18:44:37+00:00"
    deliver_row("price_change", id=1, track=99, old_price=1, new_price=2, changed_at=moment)

    base = f"/admin/storefront/{model}/"
    assert admin_client.get(base).status_code == 200
    assert admin_client.get(f"{base}1/change/").status_code == 200
    assert admin_client.get(f"{base}add/").status_code == 403
    assert admin_client.post(f"{base}1/change/", {"name": "New"}).status_code == 403
    assert admin_client.post(f"{base}1/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_puts_tracks_on_the_front_page_and_takes_them_off(
    admin_client: Client,
) -> None:
    deliver_track()

    for action, expected in (("feature", True), ("unfeature", False)):
        admin_client.post(
            "/admin/storefront/track/", {"action": action, "_selected_action": ["1"]}
        )
        assert Track.objects.get().is_featured is expected


def test_the_admin_searches_without_accents(admin_client: Client) -> None:
    deliver_track()

    response = admin_client.get("/admin/storefront/track/?q=motorhead")

    assert "Ace of Spades" in response.content.decode()
