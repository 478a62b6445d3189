"""From what was ordered to rows: prices, addresses and sums that nobody had to type."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from master_service.catalogue.models import Track
from master_service.entities import entities_bulk_create
from master_service.errors import InvalidInputError
from master_service.sales.models import Customer, Invoice, InvoiceLine

Item = Mapping[str, Any]
#: Fields of an invoice, and the customer's fields that they are taken from where not given.
_BILLING = {
    "billing_address": "address",
    "billing_city": "city",
    "billing_state": "state",
    "billing_country": "country",
    "billing_postal_code": "postal_code",
}
#: The largest total that fits its column.
_MAX_TOTAL = Decimal("99999999.99")


def with_prices(items: Sequence[Item]) -> list[list[Item]]:
    """The lines of each invoice; one without a price gets that of its track now."""
    lines = (line for item in items for line in item["lines"])
    wanted = {line["track_id"] for line in lines if "unit_price" not in line}
    prices = dict(Track.objects.filter(pk__in=wanted).values_list("pk", "unit_price"))
    return [
        # A track that does not exist is refused when the lines are created.
        [
            {"unit_price": prices.get(line["track_id"], Decimal(0)), **line}
            for line in item["lines"]
        ]
        for item in items
    ]


def with_totals(items: Sequence[Item], lines: Sequence[Sequence[Item]]) -> list[Item]:
    """The values of each invoice, with the address of its customer and the sum of its lines.

    Raises:
        InvalidInputError: a sum is too large.
    """
    keys = {item["customer_id"] for item in items}
    customers = Customer.objects.in_bulk(keys)
    found: list[Item] = []
    for index, item in enumerate(items):
        total = sum((line["unit_price"] * line["quantity"] for line in lines[index]), Decimal(0))
        if total > _MAX_TOTAL:
            problem = {"lines": [f"Their sum may be {_MAX_TOTAL} at most."]}
            raise InvalidInputError("The request is not valid.", {str(index): problem})
        values = {name: value for name, value in item.items() if name != "lines"}
        found.append({**_billing_of(customers.get(item["customer_id"])), **values, "total": total})
    return found


def create_lines(invoices: Sequence[Invoice], lines: Sequence[Sequence[Item]]) -> None:
    """Creates the lines of all invoices with one statement.

    Raises:
        InvalidInputError: with the problems by invoice, then by line, then by field.
    """
    places = [(i, j) for i, of_invoice in enumerate(lines) for j in range(len(of_invoice))]
    rows = [{**lines[i][j], "invoice": invoices[i]} for i, j in places]
    try:
        entities_bulk_create(model=InvoiceLine, items=rows)
    except InvalidInputError as error:
        details: dict[str, dict[str, dict[str, Any]]] = {}
        for position, problems in error.details.items():
            i, j = places[int(position)]
            details.setdefault(str(i), {"lines": {}})["lines"][str(j)] = problems
        raise InvalidInputError(str(error), details) from error


def _billing_of(customer: Customer | None) -> dict[str, str]:
    # A customer who does not exist is refused when the invoices are created.
    return {name: getattr(customer, source, "") for name, source in _BILLING.items()}
