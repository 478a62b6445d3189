"""What the demo changes. Each change has a way back, so that a second run has one to make, too."""

from decimal import Decimal
from typing import TypeVar

T = TypeVar("T")

#: The tracks of this genre, and those of one album, go from one price to the other.
GENRE = "Jazz"
GENRE_PRICES = (Decimal("0.99"), Decimal("0.79"))
ALBUM = "Ace Of Spades"
ALBUM_PRICES = (Decimal("0.99"), Decimal("1.29"))

#: An artist that has played under both names.
ARTIST_NAMES = ("Led Zeppelin", "The New Yardbirds")

#: The first two of these go, with their tracks and whatever belongs to those; the next run brings
#: them back. Nobody has bought them: what was sold stays in the books.
ALBUMS_TO_DELETE = ("Quiet Songs", "Realize", "Worlds", "The Best of Beethoven")
DELETED_ALBUMS = 2


def other(current: T, pair: tuple[T, T]) -> T:
    """The member of the pair that is not the current one; its second for a stranger."""
    return pair[0] if current == pair[1] else pair[1]
