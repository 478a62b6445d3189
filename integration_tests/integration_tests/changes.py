"""One change of each kind, which can be asked afterwards whether it and its messages exist."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_tests import databases
from integration_tests.clients import MasterClient
from integration_tests.shelf import Shelf, create_customer, fill_shelf, unique

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One request, which is one transaction of the master.

    Attributes:
        name: for people.
        make: sends the request.
        rows: how many rows it changes that are replicated.
        query: counts those of them that the master's database has as they should be.
        is_told: whether a message is about one of these rows as it should be.
    """

    name: str
    make: Callable[[MasterClient], object]
    rows: int
    query: str
    is_told: Callable[[Message], bool]

    def rows_on(self, master_url: str) -> int:
        """How many of its rows are committed."""
        return int(databases.value(master_url, self.query))

    def rows_told(self, messages: Iterable[Message]) -> int:
        """How many of its rows have a message, however often it came."""
        return len({str(each["instance_pk"]) for each in messages if self.is_told(each)})

    def most_copies(self, messages: Iterable[Message]) -> int:
        """How often the message came that came most often."""
        keys = [str(each["instance_pk"]) for each in messages if self.is_told(each)]
        return max((keys.count(key) for key in keys), default=0)


def one_of_each(master: MasterClient) -> list[Change]:
    """A create, an update, a delete, both in bulk, and a sale, which are rows of two models.

    What they need is created at once.
    """
    shelf = fill_shelf(master, tracks=5)
    return [
        _create(),
        _update(shelf),
        _delete(shelf),
        _bulk_create(),
        _bulk_update(shelf),
        _sale(master, shelf),
    ]


def _create() -> Change:
    name = unique("Created")
    return Change(
        "create",
        lambda master: master.create("artists", name=name),
        1,
        f"SELECT count(*) FROM catalogue_artist WHERE name = '{name}'",
        lambda message: _data(message).get("name") == name,
    )


def _update(shelf: Shelf) -> Change:
    name, pk = unique("Updated"), shelf.track_ids[0]
    return Change(
        "update",
        lambda master: master.update("tracks", pk, name=name),
        1,
        f"SELECT count(*) FROM catalogue_track WHERE name = '{name}'",
        lambda message: _data(message).get("name") == name,
    )


def _delete(shelf: Shelf) -> Change:
    pk = shelf.track_ids[1]
    return Change(
        "delete",
        lambda master: master.delete("tracks", pk),
        1,
        f"SELECT 1 - count(*) FROM catalogue_track WHERE id = {pk}",
        lambda message: (
            (message["signal_type"], message["cqrs_id"], message["instance_pk"])
            == ("DELETE", "track", pk)
        ),
    )


def _bulk_create() -> Change:
    name = unique("Genre")
    items = [{"name": f"{name} {number}"} for number in range(3)]
    return Change(
        "bulk create",
        lambda master: master.bulk_create("genres", items),
        len(items),
        f"SELECT count(*) FROM catalogue_genre WHERE name LIKE '{name}%'",
        lambda message: (
            message["cqrs_id"] == "genre" and str(_data(message).get("name")).startswith(name)
        ),
    )


def _bulk_update(shelf: Shelf) -> Change:
    price, pks = "7.77", shelf.track_ids[2:4]
    is_one_of_them = f"id = ANY(ARRAY{pks})"
    return Change(
        "bulk update",
        lambda master: master.reprice(pks, price),
        len(pks),
        f"SELECT count(*) FROM catalogue_track WHERE unit_price = {price} AND {is_one_of_them}",
        lambda message: (
            message["cqrs_id"] == "track"
            and message["instance_pk"] in pks
            and _data(message).get("unit_price") == Decimal(price)
        ),
    )


def _sale(master: MasterClient, shelf: Shelf) -> Change:
    customer = create_customer(master)["id"]
    lines = [{"track": shelf.track_ids[4], "quantity": 2}]
    return Change(
        "sale",
        lambda client: client.create("invoices", customer=customer, lines=lines, status="paid"),
        1,
        f"SELECT count(*) FROM sales_invoice WHERE customer_id = {customer}",
        lambda message: (
            message["cqrs_id"] == "invoice" and _data(message).get("customer") == customer
        ),
    )


def _data(message: Message) -> Message:
    """The row as the message has it; a deletion says little of it."""
    return message["instance_data"] or {}
