"""Sales and playlists in the admin."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from master_service.catalogue.models import Track
from master_service.playlists.models import Playlist, PlaylistTrack
from master_service.sales.models import Customer, Employee, Invoice
from tests.outbox import taken
from tests.sales import create_customer, create_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(api: APIClient, track: Track) -> Any:
    return create_invoice(api, create_customer(api), track)


@pytest.mark.parametrize(
    "page", ["sales/employee", "sales/customer", "sales/invoice", "playlists/playlist"]
)
def test_every_list_has_its_page(admin_client: Client, invoice: Any, page: str) -> None:
    Employee.objects.create(first_name="Jane", last_name="Peacock", email="jane@example.org")
    Playlist.objects.create(name="Loud")

    assert admin_client.get(f"/admin/{page}/").status_code == 200
    assert admin_client.get(f"/admin/{page}/?q=a").status_code == 200


def test_an_invoice_shows_its_lines_and_can_neither_be_added_nor_changed(
    admin_client: Client, invoice: Any
) -> None:
    page = admin_client.get(f"/admin/sales/invoice/{invoice['id']}/change/")

    assert b"Ace of Spades" in page.content
    assert admin_client.get("/admin/sales/invoice/add/").status_code == 403
    address = f"/admin/sales/invoice/{invoice['id']}/change/"
    assert admin_client.post(address, {"total": "0"}).status_code == 403


def test_selected_invoices_are_paid_and_what_cannot_be_paid_is_said(
    admin_client: Client, invoice: Any
) -> None:
    form = {"action": "pay", "_selected_action": [invoice["id"]]}

    first = admin_client.post("/admin/sales/invoice/", form, follow=True)
    second = admin_client.post("/admin/sales/invoice/", form, follow=True)

    assert b"1 invoices changed" in first.content
    assert b"Only an invoice that is draft can be paid" in second.content
    assert Invoice.objects.get().status == "paid"


def test_selected_customers_are_forgotten_and_never_just_deleted(
    admin_client: Client, invoice: Any
) -> None:
    key = invoice["customer"]
    delete = admin_client.post(f"/admin/sales/customer/{key}/delete/", {"post": "yes"})
    assert delete.status_code == 403

    admin_client.post("/admin/sales/customer/", {"action": "forget", "_selected_action": [key]})

    assert not Customer.objects.exists()
    assert Invoice.objects.get().customer is None


def test_a_playlist_is_filled_in_the_admin(admin_client: Client, track: Track) -> None:
    form = {
        "name": "Loud",
        "entries-TOTAL_FORMS": 1,
        "entries-INITIAL_FORMS": 0,
        "entries-0-track": track.pk,
    }

    response = admin_client.post("/admin/playlists/playlist/add/", form)

    assert response.status_code == 302
    assert PlaylistTrack.objects.get().track == track


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["sales/customer", "sales/invoice", "catalogue/track"])
def test_selected_rows_are_sent_again(
    admin_client: Client, api: APIClient, track: Track, page: str
) -> None:
    paid = create_invoice(api, create_customer(api), track, status="paid")
    taken()
    key = {"sales/customer": paid["customer"], "sales/invoice": paid["id"]}.get(page, track.pk)

    answer = admin_client.post(
        f"/admin/{page}/", {"action": "sync_items", "_selected_action": [key]}, follow=True
    )

    assert b"1 successfully synced" in answer.content
    (message,) = taken()
    assert (message["signal_type"], message["instance_pk"]) == ("SYNC", key)
    assert message["meta"] == {"source": "admin"}
