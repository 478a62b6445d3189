"""Rows of the sales that tests need."""

from collections.abc import Mapping
from typing import Any

from rest_framework.test import APIClient

from master_service.catalogue.models import Track

PERSON = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "company": "Analytical Engines",
    "address": "12 St James's Square",
    "city": "London",
    "country": "United Kingdom",
    "postal_code": "SW1Y 4JH",
    "phone": "+44 20 7946 0000",
    "email": "ada@example.org",
}


def create_customer(api: APIClient, **changes: Any) -> Mapping[str, Any]:
    response = api.post("/api/customers/", {**PERSON, **changes})
    assert response.status_code == 201, response.content
    body: Mapping[str, Any] = response.json()
    return body


def create_invoice(
    api: APIClient, customer: Mapping[str, Any], *tracks: Track, **changes: Any
) -> Mapping[str, Any]:
    lines = [{"track": track.pk} for track in tracks]
    body = {"customer": customer["id"], "lines": lines, **changes}
    response = api.post("/api/invoices/", body)
    assert response.status_code == 201, response.content
    created: Mapping[str, Any] = response.json()
    return created
