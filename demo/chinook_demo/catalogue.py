"""The data set, as the master's API wants it: pure parsing, no network."""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from chinook_demo.errors import DataError
from chinook_demo.rows import CATALOGUE_RESOURCES, Row

#: Beside the package, since the demo runs from the checkout.
DATA_SET = Path(__file__).parent.parent / "data" / "chinook.jsonl.gz"

#: Models of the data set that the catalogue has; the others (customers, invoices, …) stay out.
_RESOURCES = {
    "genre": "genres",
    "mediatype": "media-types",
    "artist": "artists",
    "album": "albums",
    "track": "tracks",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The rows of the data set by resource, parents first.

    Attributes:
        rows: Bodies for the API, with the original keys as `id`.
    """

    rows: Mapping[str, Sequence[Row]]

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

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
    rows: dict[str, list[Row]] = {resource: [] for resource in CATALOGUE_RESOURCES}
    for line in lines:
        # Prices are JSON numbers: a float on the way would make 0.99 something else.
        item = json.loads(line, parse_float=Decimal)
        resource = _RESOURCES.get(item["model"])
        if resource is not None:
            rows[resource].append(_body(item["pk"], item["fields"]))
    return Catalogue(rows)


def _body(key: int, fields: Mapping[str, Any]) -> Row:
    body = {"id": key, **fields}
    if "mediatype" in body:
        body["media_type"] = body.pop("mediatype")
    if "unit_price" in body:
        body["unit_price"] = Decimal(body["unit_price"])
    return body
