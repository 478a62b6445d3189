"""Removing what is stored of a row besides the row itself: what ``cqrs_erase`` does.

Only what something newer has made needless. The newest state is what others still wait for.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Erased:
    """What became of the copies in one place.

    Attributes:
        where: its name, for people.
        removed: how many copies were removed, or would be.
        kept: a line on each that had to stay.
        unfinished: why old values may be left; empty if none are.
    """

    where: str
    removed: int = 0
    kept: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
