"""Messages about sales, as they stand on the wire."""

from typing import Any

from dj_cqrs.replica.message import RawMessage
from tests.stream import message

MOMENT = "2026-11-20 10:00:00+00:00"


def customer_message(*, revision: int = 0, pk: int = 1, country: str = "Brazil") -> RawMessage:
    return message("customer", {"id": pk, "country": country}, revision=revision)


def forgotten_message(*, revision: int, pk: int = 1) -> RawMessage:
    custom = {"country": "Brazil", "reason": "asked"}
    data = {"id": pk, "custom": custom}
    return message("customer", data, revision=revision, signal_type="DELETE")


def invoice_message(*, revision: int = 0, **changes: Any) -> RawMessage:
    data = {
        "id": 1,
        "customer": 1,
        "status": "paid",
        "invoiced_at": MOMENT,
        "billing_country": "Brazil",
        "total": 1.98,
        **changes,
    }
    return message("invoice", data, revision=revision)


def line_message(*, revision: int = 0, **changes: Any) -> RawMessage:
    data = {
        "id": 1,
        "invoice": 1,
        "status": "paid",
        "invoiced_at": MOMENT,
        "billing_country": "Brazil",
        "track": 1,
        "unit_price": 0.99,
        "quantity": 2,
        **changes,
    }
    return message("invoice_line", data, revision=revision)


def line_deleted_message(pk: int, *, revision: int) -> RawMessage:
    return message("invoice_line", {"id": pk}, revision=revision, signal_type="DELETE")
