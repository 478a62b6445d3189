"""Sales and their figures: right whatever the order in which messages come, and how often."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from replica_service.sales.models import ClosedAccount, Customer, Invoice, Sale
from tests.sold import (
    customer_message,
    forgotten_message,
    invoice_message,
    line_deleted_message,
    line_message,
)
from tests.stream import deliver, deliver_track

pytestmark = pytest.mark.django_db


def results(api: APIClient, path: str) -> list[dict[str, Any]]:
    response = api.get(f"/api/{path}")
    assert response.status_code == 200, response.content
    body = response.json()
    found: list[dict[str, Any]] = body if isinstance(body, list) else body["results"]
    return found


def country(api: APIClient, name: str) -> dict[str, Any]:
    (figure,) = [row for row in results(api, "figures/countries/") if row["country"] == name]
    return figure


def test_invoices_and_their_lines_are_shown_under_the_words_of_the_storefront(
    api: APIClient,
) -> None:
    deliver(invoice_message(), line_message())

    (invoice,) = results(api, "invoices/?country=Brazil&status=paid&customer_id=1")
    assert (invoice["customer_id"], invoice["total"]) == (1, "1.98")
    (sale,) = results(api, "sales/?track_id=1&invoice_id=1")
    assert (sale["quantity"], sale["unit_price"], sale["country"]) == (2, "0.99", "Brazil")
    assert sale["sold_at"] == invoice["sold_at"] == "2026-11-20T10:00:00Z"


def test_figures_sum_up_tracks_artists_and_countries(api: APIClient) -> None:
    deliver_track()
    deliver_track(id=2, name="Bomber", artist={"id": 22, "name": "Mötley Crüe"})
    deliver(
        customer_message(),
        customer_message(pk=2, country="Norway"),
        line_message(),
        line_message(id=2, track=2, unit_price=1.99, quantity=1),
        line_message(id=3, invoice=2, billing_country="Norway", quantity=5),
        line_message(id=4, invoice=3, status="cancelled", quantity=1000),
    )

    best = results(api, "figures/tracks/")
    assert [(row["track_name"], row["units"], row["revenue"]) for row in best] == [
        ("Ace of Spades", 7, "6.93"),
        ("Bomber", 1, "1.99"),
    ]
    artists = results(api, "figures/artists/?ordering=revenue")
    assert [(row["artist_name"], row["revenue"]) for row in artists] == [
        ("Mötley Crüe", "1.99"),
        ("Motörhead", "6.93"),
    ]
    brazil = country(api, "Brazil")
    assert (brazil["customers"], brazil["invoices"], brazil["units"]) == (1, 1, 3)
    assert brazil["revenue"] == "3.97"
    assert country(api, "Norway")["units"] == 5


@pytest.mark.parametrize(
    ("query", "units"),
    [
        ("country=Norway", [5]),
        ("artist_id=21", [7]),
        ("sold_after=2027-01-01T00:00:00Z", []),
        ("sold_before=2020-01-01T00:00:00%2B23:14", []),
        ("sold_before=2027-01-01T00:00:00Z", [7]),
    ],
)
def test_best_sellers_are_filtered(api: APIClient, query: str, units: list[int]) -> None:
    deliver_track()
    deliver(line_message(), line_message(id=3, billing_country="Norway", quantity=5))

    assert [row["units"] for row in results(api, f"figures/tracks/?{query}")] == units


def test_what_was_sold_counts_before_its_track_has_arrived(api: APIClient) -> None:
    deliver(line_message())

    (row,) = results(api, "figures/tracks/")
    assert (row["track_id"], row["track_name"], row["units"]) == (1, None, 2)
    (nobody,) = results(api, "figures/artists/")
    assert (nobody["artist_id"], nobody["units"]) == (None, 2)

    deliver_track()

    assert results(api, "figures/tracks/")[0]["track_name"] == "Ace of Spades"


#: A line is sold, cancelled with its invoice and deleted; another one is sold and stays.
HISTORY = [
    line_message(quantity=3),
    line_message(quantity=3, status="cancelled", revision=1),
    line_deleted_message(1, revision=2),
    line_message(id=2, quantity=7),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(HISTORY)))))
def test_figures_do_not_depend_on_the_order_of_delivery(
    order: Sequence[int], api: APIClient
) -> None:
    for position in order:
        deliver(HISTORY[position])

    assert [row["units"] for row in results(api, "figures/tracks/")] == [7]


def test_figures_do_not_count_what_comes_twice(api: APIClient) -> None:
    messages = [line_message(id=key, quantity=key) for key in range(1, 11)]
    chances = random.Random(1)
    shuffled = chances.choices(messages, k=100) + messages
    chances.shuffle(shuffled)

    deliver(*shuffled)

    assert [row["units"] for row in results(api, "figures/tracks/")] == [55]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_account_is_closed_as_long_as_its_customer_is_deleted_whatever_the_order(
    order: Sequence[int], api: APIClient
) -> None:
    history = [customer_message(), forgotten_message(revision=1), customer_message(revision=2)]

    for position in order:
        deliver(history[position])

    assert Customer.objects.get().cqrs_revision == 2
    assert not ClosedAccount.objects.exists()

    deliver(forgotten_message(revision=3))
    deliver(forgotten_message(revision=3))

    account = ClosedAccount.objects.get()
    assert (account.pk, account.country, account.reason) == (1, "Brazil", "asked")
    figure = country(api, "Brazil")
    assert (figure["customers"], figure["closed_accounts"], figure["revenue"]) == (0, 1, "0.00")


def test_a_deletion_that_says_nothing_more_is_applied() -> None:
    deliver(customer_message())
    data_only = forgotten_message(revision=1)

    deliver(type(data_only)(data_only.body.replace(b'"custom"', b'"other"'), "customer", {}))

    assert ClosedAccount.objects.get().country == ""


def test_an_invoice_whose_customer_was_forgotten_stays() -> None:
    deliver(invoice_message(), invoice_message(revision=1, customer=None))

    assert Invoice.objects.get().customer_id is None


def test_a_page_of_figures_costs_two_queries(api: APIClient) -> None:
    for key in range(1, 21):
        deliver_track(id=key)
        deliver(line_message(id=key, track=key))

    with CaptureQueriesContext(connection) as queries:
        assert len(results(api, "figures/tracks/?page_size=20")) == 20

    assert len(queries) == 2


def test_pages_of_figures_follow_each_other(api: APIClient) -> None:
    deliver(*(line_message(id=key, track=key, quantity=1) for key in range(1, 6)))

    first = api.get("/api/figures/tracks/?page_size=3").json()

    assert first["count"] == 5
    assert [row["track_id"] for row in first["results"]] == [1, 2, 3]
    assert [row["track_id"] for row in api.get(first["next"]).json()["results"]] == [4, 5]


def test_many_lines_are_written_in_bulk() -> None:
    messages = [line_message(id=key) for key in range(1, 101)]

    with CaptureQueriesContext(connection) as queries:
        deliver(*messages)

    assert Sale.objects.count() == 100
    assert len(queries) < 30


@pytest.mark.parametrize("resource", ["customers", "invoices", "sales", "figures/countries"])
def test_nothing_can_be_written(api: APIClient, resource: str) -> None:
    response = api.post(f"/api/{resource}/", {})

    assert response.status_code == 405
    assert response.json()["code"] == "read_only"
