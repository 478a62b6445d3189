"""Customers, employees and invoices through the API."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from master_service.catalogue.models import Track
from master_service.sales.models import Customer, Employee, Invoice, InvoiceLine
from tests.conftest import create_track
from tests.sales import PERSON, create_customer, create_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(api: APIClient) -> Any:
    return create_customer(api)


def test_employees_are_created_with_those_they_report_to(api: APIClient) -> None:
    people = [
        {"id": 7, "first_name": "Nancy", "last_name": "Edwards", "email": "nancy@example.org"},
        {
            "id": 8,
            "first_name": "Jane",
            "last_name": "Peacock",
            "email": "jane@example.org",
            "reports_to": 7,
        },
    ]

    response = api.post("/api/employees/bulk/", people)

    assert response.status_code == 201, response.content
    assert Employee.objects.get(pk=8).reports_to_id == 7
    assert "cqrs_revision" not in response.json()[0]


def test_an_employee_who_looks_after_customers_is_kept(api: APIClient) -> None:
    jane = Employee.objects.create(first_name="Jane", last_name="P", email="jane@example.org")
    create_customer(api, support_rep=jane.pk)

    assert api.delete(f"/api/employees/{jane.pk}/").status_code == 409


def test_unknown_details_of_a_customer_are_stored_as_empty_texts(api: APIClient) -> None:
    body = create_customer(api, company=None, phone=None)

    assert (body["company"], body["phone"], body["state"]) == ("", "", "")
    assert body["country"] == PERSON["country"]


@pytest.mark.parametrize("email", ["stanisław@wp.pl", "a+b@example.co.uk"])
def test_an_address_of_mail_may_be_in_any_language(api: APIClient, email: str) -> None:
    body = create_customer(api, email=email)

    assert body["email"] == email
    assert api.patch(f"/api/customers/{body['id']}/", {"city": "Paris"}).status_code == 200


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.org", "a b@example.org", "a@b"])
def test_what_is_no_address_of_mail_is_refused(api: APIClient, email: str) -> None:
    response = api.post("/api/customers/", {**PERSON, "email": email})

    assert response.status_code == 400
    assert set(response.json()["details"]) == {"email"}


def test_two_customers_cannot_share_an_address_of_mail(api: APIClient, customer: Any) -> None:
    response = api.post("/api/customers/", PERSON)

    assert response.status_code == 400
    assert set(response.json()["details"]) == {"email"}


@pytest.mark.parametrize("resource", ["employees", "customers", "invoices", "invoice-lines"])
def test_nobody_reads_about_people_without_a_token(reader: APIClient, resource: str) -> None:
    assert reader.get(f"/api/{resource}/").status_code == 401
    assert reader.get(f"/api/{resource}/1/").status_code == 401


def test_an_invoice_is_made_with_its_lines_prices_address_and_sum(
    api: APIClient, track: Track, customer: Any
) -> None:
    other = create_track(name="Bomber", unit_price="2.00")
    lines = [{"track": track.pk, "quantity": 3}, {"track": other.pk, "unit_price": "1.50"}]

    response = api.post("/api/invoices/", {"customer": customer["id"], "lines": lines})

    assert response.status_code == 201, response.content
    invoice = response.json()
    assert (invoice["status"], invoice["total"]) == ("draft", "4.47")
    assert invoice["billing_city"] == PERSON["city"]
    shown = [(line["track"], line["quantity"], line["unit_price"]) for line in invoice["lines"]]
    assert shown == [(track.pk, 3, "0.99"), (other.pk, 1, "1.50")]
    assert api.get(f"/api/invoices/{invoice['id']}/").json() == invoice
    assert api.get(f"/api/invoice-lines/?track={other.pk}").json()["count"] == 1


def test_a_hundred_lines_cost_no_more_statements_than_one(
    api: APIClient, track: Track, customer: Any
) -> None:
    tracks = [create_track(name=f"Track {number}") for number in range(100)]

    def statements(*bought: Track) -> int:
        with CaptureQueriesContext(connection) as queries:
            create_invoice(api, customer, *bought)
        return len(queries)

    of_one = statements(track)

    assert statements(*tracks) == of_one


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer": 999}, "customer"),
        ({"lines": []}, "lines"),
        ({"lines": [{"track": 999}]}, "lines"),
        ({"lines": [{"track": 1, "quantity": 0}]}, "lines"),
        ({"lines": [{"track": 1, "unit_price": "-1"}]}, "lines"),
        ({"lines": [{"track": 1, "colour": "red"}]}, "lines"),
        ({"status": "cancelled"}, "status"),
        ({"total": "1.00"}, "total"),
    ],
)
def test_an_invoice_that_cannot_be_is_refused_under_its_field(
    api: APIClient, customer: Any, change: dict[str, Any], field: str
) -> None:
    track = create_track(id=1)
    body = {"customer": customer["id"], "lines": [{"track": track.pk}], **change}

    for response in (api.post("/api/invoices/", body), api.post("/api/invoices/bulk/", [body])):
        assert response.status_code == 400, response.content
        details = response.json()["details"]
        assert field in details or field in details["0"]
    assert not Invoice.objects.exists()
    assert not InvoiceLine.objects.exists()


def test_of_many_invoices_the_line_that_is_wrong_is_named(
    api: APIClient, track: Track, customer: Any
) -> None:
    good = {"customer": customer["id"], "lines": [{"track": track.pk}]}
    bad = {"customer": customer["id"], "lines": [{"track": track.pk}, {"track": 999}]}

    response = api.post("/api/invoices/bulk/", [good, bad])

    assert response.status_code == 400
    problem = {"lines": {"1": {"track": ["There is no track 999."]}}}
    assert response.json()["details"] == {"1": problem}
    assert not Invoice.objects.exists()


def test_a_sum_that_fits_no_column_is_refused(api: APIClient, track: Track, customer: Any) -> None:
    line = {"track": track.pk, "quantity": 2_000_000_000, "unit_price": "99999999.99"}

    response = api.post("/api/invoices/", {"customer": customer["id"], "lines": [line]})

    assert response.status_code == 400
    assert "Their sum" in str(response.json()["details"])


def test_an_invoice_goes_from_draft_to_paid_to_cancelled_and_never_back(
    api: APIClient, track: Track, customer: Any
) -> None:
    invoice = create_invoice(api, customer, track)
    address, ids = f"/api/invoices/{invoice['id']}/", {"ids": [invoice["id"]]}

    assert api.patch(address, {"billing_city": "Paris"}).json()["billing_city"] == "Paris"
    assert api.post("/api/invoices/cancel/", ids).status_code == 409
    assert api.post("/api/invoices/pay/", ids).json() == {"updated": 1}
    assert api.patch(address, {"billing_city": "Rome"}).status_code == 409
    assert api.delete(address).status_code == 409
    assert api.post("/api/invoices/pay/", ids).status_code == 409
    assert api.post("/api/invoices/cancel/", ids).json() == {"updated": 1}
    assert api.get(address).json()["status"] == "cancelled"
    assert api.delete(address).status_code == 204


def test_paying_is_all_or_none(api: APIClient, track: Track, customer: Any) -> None:
    draft = create_invoice(api, customer, track)
    paid = create_invoice(api, customer, track, status="paid")

    for ids in ([draft["id"], paid["id"]], [draft["id"], 999_999], [draft["id"], draft["id"]]):
        response = api.post("/api/invoices/pay/", {"ids": ids})
        assert response.status_code in {400, 409}
    assert Invoice.objects.get(pk=draft["id"]).status == "draft"


def test_a_track_that_was_sold_is_kept(api: APIClient, track: Track, customer: Any) -> None:
    create_invoice(api, customer, track)

    assert api.delete(f"/api/tracks/{track.pk}/").status_code == 409
    assert api.delete(f"/api/albums/{track.album_id}/").status_code == 409


def test_a_forgotten_customer_leaves_invoices_without_a_name(
    api: APIClient, track: Track, customer: Any
) -> None:
    invoice = create_invoice(api, customer, track, status="paid")

    assert api.delete(f"/api/customers/{customer['id']}/?reason=asked").status_code == 204

    assert not Customer.objects.exists()
    kept = api.get(f"/api/invoices/{invoice['id']}/").json()
    assert kept["customer"] is None
    assert (kept["billing_city"], kept["billing_address"]) == ("", "")
    assert (kept["billing_country"], kept["total"]) == (PERSON["country"], "0.99")


@pytest.mark.parametrize("query", ["reason=boredom", "why=asked"])
def test_a_reason_that_nobody_knows_is_refused(api: APIClient, customer: Any, query: str) -> None:
    response = api.delete(f"/api/customers/{customer['id']}/?{query}")

    assert response.status_code == 400
    assert Customer.objects.exists()


@pytest.mark.parametrize(
    ("query", "count"),
    [("status=paid", 1), ("status=draft", 0), ("country=united kingdom", 1), ("customer=99", 0)],
)
def test_invoices_are_filtered(
    api: APIClient, track: Track, customer: Any, query: str, count: int
) -> None:
    create_invoice(api, customer, track, status="paid")

    assert api.get(f"/api/invoices/?{query}").json()["count"] == count
