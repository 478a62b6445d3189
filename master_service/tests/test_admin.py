"""The admin: the same rules as the API, for people."""

import pytest
from django.test import Client

from master_service.catalogue.models import Album, Genre, PriceChange, Track

pytestmark = pytest.mark.django_db

MODELS = ["artist", "album", "genre", "mediatype", "track", "pricechange"]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_pages(admin_client: Client, track: Track, model: str) -> None:
    change_price(admin_client, track)

    assert admin_client.get(f"/admin/catalogue/{model}/").status_code == 200
    assert admin_client.get(f"/admin/catalogue/{model}/?q=a").status_code == 200
    expected = 403 if model == "pricechange" else 200
    assert admin_client.get(f"/admin/catalogue/{model}/add/").status_code == expected


def form(track: Track, **changes: object) -> dict[str, object]:
    return {
        "name": track.name,
        "album": track.album_id,
        "media_type": track.media_type_id,
        "genre": track.genre_id,
        "unit_price": track.unit_price,
        **changes,
    }


def change_price(client: Client, track: Track) -> None:
    address = f"/admin/catalogue/track/{track.pk}/change/"
    response = client.post(address, form(track, unit_price="1.29"))
    assert response.status_code == 302


def test_a_price_changed_in_the_admin_is_written_to_the_history(
    admin_client: Client, track: Track
) -> None:
    change_price(admin_client, track)

    change = PriceChange.objects.get()
    assert (str(change.old_price), str(change.new_price)) == ("0.99", "1.29")


def test_a_track_added_in_the_admin_is_created(admin_client: Client, track: Track) -> None:
    response = admin_client.post("/admin/catalogue/track/add/", form(track, name="Bomber"))

    assert response.status_code == 302
    assert Track.objects.filter(name="Bomber", album=track.album).exists()


def test_the_history_can_neither_be_changed_nor_deleted(
    admin_client: Client, track: Track
) -> None:
    change_price(admin_client, track)
    change = PriceChange.objects.get()
    address = f"/admin/catalogue/pricechange/{change.pk}"

    assert admin_client.post(f"{address}/change/", {"new_price": "5"}).status_code == 403
    assert admin_client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403


def test_the_history_goes_with_its_album(admin_client: Client, track: Track) -> None:
    change_price(admin_client, track)

    response = admin_client.post(
        f"/admin/catalogue/album/{track.album_id}/delete/", {"post": "yes"}
    )

    assert response.status_code == 302
    assert not Album.objects.exists()
    assert not PriceChange.objects.exists()


def test_a_genre_in_use_is_kept(admin_client: Client, track: Track) -> None:
    admin_client.post(f"/admin/catalogue/genre/{track.genre_id}/delete/", {"post": "yes"})

    assert Genre.objects.exists()
