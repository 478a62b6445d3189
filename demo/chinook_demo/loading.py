"""Brings the data set into the master through its bulk endpoints; what is there is left alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chinook_demo.catalogue import Catalogue
from chinook_demo.matching import Plan, make_plan
from chinook_demo.progress import LoadProgress
from chinook_demo.rows import Row
from chinook_demo.shop import Shop

#: Rows of one request: small enough for a bar that moves; of invoices fewer, for their lines.
_BATCH_SIZE = 500
_REFERENCES = {
    "artist": "artists",
    "album": "albums",
    "media_type": "media-types",
    "genre": "genres",
    "playlist": "playlists",
    "track": "tracks",
    "support_rep": "employees",
    "customer": "customers",
}

#: Key in the data set, and what is sent for it.
Batch = Sequence[tuple[int, Row]]
#: Keys on the master by keys of the data set, by resource.
Keys = dict[str, dict[int, int]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading came to.

    Attributes:
        keys: Where each row of the data set is on the master.
        created: The rows that were not there before, by resource.
        displaced: How many of them could not have the key of the data set.
    """

    keys: Keys = field(default_factory=dict)
    created: dict[str, list[Row]] = field(default_factory=dict)
    displaced: dict[str, int] = field(default_factory=dict)

    def key(self, resource: str, row: Row) -> int:
        """Key on the master of a row of the data set."""
        return self.keys[resource][row["id"]]


def load(shop: Shop, catalogue: Catalogue, progress: LoadProgress) -> Loaded:
    """Creates the rows that the master lacks, parents first."""
    loaded = Loaded()
    for resource, rows in catalogue.rows.items():
        wanted = [_translated(row, loaded.keys) for row in rows]
        plan = make_plan(resource, wanted, shop.master.rows(resource))
        loaded.keys[resource] = plan.present
        progress.loaded(resource, _weight([row for row in rows if row["id"] in plan.present]))
        loaded.created[resource] = [
            row
            for batch in _batches(plan)
            for row in _create(shop, resource, batch, loaded.keys[resource], progress)
        ]
        loaded.displaced[resource] = len(plan.at_new_key)
        progress.finished(resource, len(rows), len(loaded.created[resource]))
    return loaded


def _create(
    shop: Shop, resource: str, batch: Batch, keys: dict[int, int], progress: LoadProgress
) -> list[Row]:
    created = shop.master.create_many(resource, [body for _, body in batch])
    for (key, _), row in zip(batch, created, strict=True):
        keys[key] = row["id"]
    progress.loaded(resource, _weight([body for _, body in batch]))
    progress.replica_lacks(shop.lag)
    return created


def _batches(plan: Plan) -> Iterator[Batch]:
    """What to send; rows without a key come last, since the database continues after the rest."""
    yield from _sliced([(row["id"], row) for row in plan.at_own_key])
    yield from _sliced([(row["id"], _without_key(row)) for row in plan.at_new_key])


def _sliced(items: Batch) -> Iterator[Batch]:
    for start in range(0, len(items), _BATCH_SIZE):
        yield items[start : start + _BATCH_SIZE]


def _without_key(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "id"}


def _translated(row: Row, keys: Mapping[str, Mapping[int, int]]) -> Row:
    """The row with references to the parents where they are on the master."""
    references = {
        name: keys[parent][row[name]] for name, parent in _REFERENCES.items() if row.get(name)
    }
    lines = {"lines": [_translated(line, keys) for line in row["lines"]]} if "lines" in row else {}
    return {**row, **references, **lines}


def _weight(rows: Sequence[Row]) -> int:
    """How many rows they are, with the lines of invoices."""
    return sum(1 + len(row.get("lines", ())) for row in rows)
