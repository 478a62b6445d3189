"""Which rows of the data set the master has already, and which key the others can have.

Keys alone do not tell: somebody may have created rows before, which hold keys of the data set and
must keep them. Rows are told by what they are. Pure functions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chinook_demo.rows import Row
from chinook_demo.scenario import ARTIST_NAMES

#: Fields that make two rows the same thing. References count as the master's keys.
_IDENTITY = {
    "genres": ("name",),
    "media-types": ("name",),
    "artists": ("name",),
    "albums": ("artist", "title"),
    "tracks": ("album", "name", "milliseconds"),
    "playlists": ("name",),
    "playlist-tracks": ("playlist", "track"),
    "employees": ("email",),
    "customers": ("email",),
    "invoices": ("customer", "invoiced_at"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for one resource.

    Attributes:
        present: Keys on the master of what is there already, by keys of the data set.
        at_own_key: Rows to create with the keys that they have.
        at_new_key: Rows to create without a key, since somebody else's row has theirs.
    """

    present: dict[int, int]
    at_own_key: list[Row]
    at_new_key: list[Row]


def make_plan(resource: str, wanted: Sequence[Row], existing: Iterable[Row]) -> Plan:
    """Compares what the data set has with what the master has.

    Args:
        resource: Name of the resource.
        wanted: Rows of the data set, their references translated to keys of the master.
        existing: All rows of the master.
    """
    by_key = {row["id"]: _identity(resource, row) for row in existing}
    by_identity = {identity: key for key, identity in by_key.items()}
    plan = Plan({}, [], [])
    for row in wanted:
        key, identity = row["id"], _identity(resource, row)
        if by_key.get(key) == identity:
            plan.present[key] = key
        elif identity in by_identity:
            plan.present[key] = by_identity[identity]
        elif key in by_key:
            plan.at_new_key.append(row)
        else:
            plan.at_own_key.append(row)
    return plan


def _identity(resource: str, row: Row) -> tuple[Any, ...]:
    values = tuple(row[name] for name in _IDENTITY[resource])
    # The demo renames this artist, and must know it again.
    if resource == "artists" and values[0] in ARTIST_NAMES:
        return (ARTIST_NAMES[0],)
    return values
