"""Every replicated row on both sides, field by field."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chinook_demo.expectation import comparable, expected_rows
from chinook_demo.rows import REPLICATED, Row
from chinook_demo.shop import Shop, all_rows

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that the replica shows differently."""

    key: int
    field: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """One resource on both sides.

    Attributes:
        resource: Its name.
        master_rows: How many rows the master has.
        replica_rows: How many the replica has.
        missing: Keys that only the master has.
        extra: Keys that only the replica has.
        different: The fields that differ in rows of both, by key.
    """

    resource: str
    master_rows: int
    replica_rows: int
    missing: list[int]
    extra: list[int]
    different: dict[int, list[Difference]]

    @property
    def differences(self) -> int:
        """How many rows are not the same on both sides."""
        return len(self.missing) + len(self.extra) + len(self.different)


def compare(resource: str, expected: Sequence[Row], found: Sequence[Row]) -> Comparison:
    """Compares what the replica should show with what it shows."""
    wanted = {row["id"]: row for row in expected}
    shown = {row["id"]: row for row in found}
    differing = {key: _differences(wanted[key], shown[key]) for key in wanted.keys() & shown}
    return Comparison(
        resource=resource,
        master_rows=len(wanted),
        replica_rows=len(shown),
        missing=sorted(wanted.keys() - shown),
        extra=sorted(shown.keys() - wanted),
        different={key: fields for key, fields in sorted(differing.items()) if fields},
    )


def _differences(expected: Row, found: Row) -> list[Difference]:
    left, right = comparable(expected, expected), comparable(found, expected)
    return [
        Difference(expected["id"], field, expected[field], found.get(field))
        for field in expected
        if left[field] != right[field]
    ]


def compare_shop(shop: Shop, *, within_seconds: float) -> list[Comparison]:
    """Compares everything, again and again until nothing differs or the time is over.

    Pages are read one after the other, so that a row that changes meanwhile looks like a
    difference; it goes with the next comparison, while a real one stays.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        expected = expected_rows(all_rows(shop.master, REPLICATED))
        found = all_rows(shop.replica, REPLICATED.values())
        comparisons = [
            compare(resource, rows, found[resource]) for resource, rows in expected.items()
        ]
        if not any(c.differences for c in comparisons) or time.monotonic() >= deadline:
            return comparisons
        time.sleep(_PAUSE_SECONDS)
