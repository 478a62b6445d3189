"""What of the sales leaves the house, and what does not."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from master_service.catalogue.models import Track
from master_service.sales.models import Customer, Employee
from tests.conftest import create_track
from tests.outbox import summary, taken
from tests.sales import PERSON, create_customer, create_invoice

pytestmark = pytest.mark.django_db(transaction=True)

#: What a person could be known by.
PERSONAL = [str(value) for name, value in PERSON.items() if name != "country"]


@pytest.fixture
def customer(api: APIClient) -> Any:
    """A customer whose creation has been sent already."""
    customer = create_customer(api)
    taken()
    return customer


@pytest.fixture
def sold(transactional_db: None) -> Track:
    """A track whose creation has been sent already."""
    track = create_track()
    taken()
    return track


def test_of_a_customer_only_the_key_and_the_country_are_sent(api: APIClient) -> None:
    customer = create_customer(api)

    (message,) = taken()
    data = message["instance_data"]
    assert data.pop("cqrs_updated")
    assert data == {"id": customer["id"], "country": PERSON["country"], "cqrs_revision": 0}


def test_nothing_about_an_employee_is_sent(api: APIClient) -> None:
    Employee.objects.create(first_name="Jane", last_name="Peacock", email="jane@example.org")

    assert taken() == []


def test_no_message_of_a_whole_life_holds_personal_data(
    api: APIClient, sold: Track, customer: Any
) -> None:
    address = f"/api/customers/{customer['id']}/"
    api.patch(address, {"phone": "+44 1"})
    invoice = create_invoice(api, customer, sold, status="paid")
    api.post("/api/invoices/cancel/", {"ids": [invoice["id"]]})
    api.delete(address)

    messages = taken()
    assert len(messages) == 8
    text = str(messages)
    assert [word for word in [*PERSONAL, "+44 1"] if word in text] == []


def test_a_draft_stays_at_home_until_it_is_paid(
    api: APIClient, sold: Track, customer: Any
) -> None:
    other = create_track(name="Bomber")
    taken()

    invoice = create_invoice(api, customer, sold, other)
    assert taken() == []

    api.post("/api/invoices/pay/", {"ids": [invoice["id"]]})
    messages = taken()
    assert summary(messages) == [
        ("SAVE", "invoice", 1),
        ("SAVE", "invoice_line", 1),
        ("SAVE", "invoice_line", 1),
    ]
    lines = [m["instance_data"] for m in messages if m["cqrs_id"] == "invoice_line"]
    assert {line["status"] for line in lines} == {"paid"}
    assert {line["track"] for line in lines} == {sold.pk, other.pk}


def test_an_invoice_that_is_paid_at_once_is_sent_with_its_lines(
    api: APIClient, sold: Track, customer: Any
) -> None:
    invoice = create_invoice(api, customer, sold, status="paid")

    messages = {message["cqrs_id"]: message["instance_data"] for message in taken()}
    assert messages.keys() == {"invoice", "invoice_line"}
    assert messages["invoice"]["total"].text == "0.99"
    assert messages["invoice"]["customer"] == customer["id"]
    assert messages["invoice_line"]["invoice"] == invoice["id"]
    assert messages["invoice_line"]["billing_country"] == PERSON["country"]


def test_cancelling_is_said_of_every_line(api: APIClient, sold: Track, customer: Any) -> None:
    invoice = create_invoice(api, customer, sold, status="paid")
    taken()

    api.post("/api/invoices/cancel/", {"ids": [invoice["id"]]})

    messages = taken()
    assert summary(messages) == [("SAVE", "invoice", 1), ("SAVE", "invoice_line", 1)]
    assert {message["instance_data"]["status"] for message in messages} == {"cancelled"}


def test_a_forgotten_customer_leaves_a_country_and_a_reason(
    api: APIClient, sold: Track, customer: Any
) -> None:
    create_invoice(api, customer, sold, status="paid")
    taken()

    api.delete(f"/api/customers/{customer['id']}/?reason=inactive")

    messages = {message["cqrs_id"]: message for message in taken()}
    custom = {"country": PERSON["country"], "reason": "inactive"}
    assert messages["customer"]["signal_type"] == "DELETE"
    assert messages["customer"]["instance_data"]["custom"] == custom
    assert messages["invoice"]["instance_data"]["customer"] is None


def test_playlists_and_their_entries_are_sent_each_by_itself(api: APIClient, sold: Track) -> None:
    playlist = api.post("/api/playlists/", {"name": "Loud"}).json()
    entry = {"playlist": playlist["id"], "track": sold.pk}
    assert api.post("/api/playlist-tracks/bulk/", [entry]).status_code == 201
    assert summary(taken()) == [("SAVE", "playlist", 0), ("SAVE", "playlist_track", 0)]

    assert api.post("/api/playlist-tracks/", entry).status_code == 400
    api.delete(f"/api/tracks/{sold.pk}/")

    assert summary(taken()) == [("DELETE", "playlist_track", 1), ("DELETE", "track", 1)]


def test_a_message_says_through_which_door_the_change_came(api: APIClient, sold: Track) -> None:
    api.patch(f"/api/tracks/{sold.pk}/", {"unit_price": "0.79"}, HTTP_X_REQUEST_ID="abc")

    messages = taken()
    assert len(messages) == 2
    assert {message["meta"]["source"] for message in messages} == {"api"}
    assert {message["correlation_id"] for message in messages} == {"abc"}


def test_a_change_outside_of_a_request_comes_from_a_command(customer: Any) -> None:
    Customer.objects.get().save()

    (message,) = taken()
    assert message["meta"] == {"source": "command"}
    assert message["correlation_id"]
