"""The data set, as the master's API wants it: pure parsing, no network."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from chinook_demo.errors import DataError
from chinook_demo.rows import LOADED_RESOURCES, Row

#: Beside the package, since the demo runs from the checkout.
DATA_SET = Path(__file__).parent.parent / "data" / "chinook.jsonl.gz"

_RESOURCES = {
    "genre": "genres",
    "mediatype": "media-types",
    "artist": "artists",
    "album": "albums",
    "track": "tracks",
    "playlist": "playlists",
    "playlisttrack": "playlist-tracks",
    "employee": "employees",
    "customer": "customers",
    "invoice": "invoices",
}
#: Names of the data set, and those of the API.
_NAMES = {
    "mediatype": "media_type",
    "firstname": "first_name",
    "lastname": "last_name",
    "postalcode": "postal_code",
    "invoicedate": "invoiced_at",
    "billingaddress": "billing_address",
    "billingcity": "billing_city",
    "billingstate": "billing_state",
    "billingcountry": "billing_country",
    "billingpostalcode": "billing_postal_code",
}
#: What the API does not take: it adds up the total itself, and the shop wants to know no more of
#: its employees than who they are.
_LEFT_OUT = {
    "invoice": {"total"},
    "employee": {
        *("address", "city", "state", "country", "postalcode", "fax"),
        *("birthdate", "hiredate", "reports_to"),
    },
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The rows of the data set by resource, parents first.

    Attributes:
        rows: Bodies for the API, with the original keys as `id`.
    """

    rows: Mapping[str, Sequence[Row]]

    def __len__(self) -> int:
        lines = sum(len(invoice["lines"]) for invoice in self.rows["invoices"])
        return sum(map(len, self.rows.values())) + lines

    def find(self, resource: str, **fields: Any) -> Row:
        """The first row with these values.

        Raises:
            DataError: There is none.
        """
        for row in self.rows[resource]:
            if fields.items() <= row.items():
                return row
        raise DataError(f"the data set has no {resource} with {fields}")


def read_catalogue(path: Path = DATA_SET) -> Catalogue:
    """Reads the data set."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return parse_catalogue(lines)


def parse_catalogue(lines: Iterable[str]) -> Catalogue:
    """Parses JSON objects, one a line: model, pk, fields."""
    rows: dict[str, list[Row]] = {resource: [] for resource in LOADED_RESOURCES}
    lines_of: dict[int, list[Row]] = defaultdict(list)
    for line in lines:
        # Prices are JSON numbers: a float on the way would make 0.99 something else.
        item = json.loads(line, parse_float=Decimal)
        model, key, fields = item["model"], item["pk"], item["fields"]
        if model == "invoiceline":
            sold = {name: value for name, value in fields.items() if name != "invoice"}
            lines_of[fields["invoice"]].append(_with_decimals(sold))
        else:
            rows[_RESOURCES[model]].append(_body(model, key, fields))
    for invoice in rows["invoices"]:
        # A row is a mapping that nobody changes, but for these lines, which come after it.
        invoice["lines"].extend(lines_of[invoice["id"]])
    rows["playlists"] = list(_told_apart(rows["playlists"]))
    return Catalogue(rows)


def _body(model: str, key: int, fields: Mapping[str, Any]) -> Row:
    left_out = _LEFT_OUT.get(model, set())
    named = {
        _NAMES.get(name, name): value for name, value in fields.items() if name not in left_out
    }
    invoice = {"status": "paid", "lines": []} if model == "invoice" else {}
    return _with_decimals({"id": key, **named, **invoice})


def _with_decimals(body: Row) -> Row:
    if "unit_price" in body:
        return {**body, "unit_price": Decimal(body["unit_price"])}
    return body


def _told_apart(playlists: Iterable[Row]) -> Iterator[Row]:
    """Some have the name of another one; a number behind it makes them two."""
    seen: Counter[str] = Counter()
    for playlist in playlists:
        name = playlist["name"]
        seen[name] += 1
        yield {**playlist, "name": f"{name} ({seen[name]})"} if seen[name] > 1 else playlist
