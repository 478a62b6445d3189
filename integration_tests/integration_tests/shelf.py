"""Rows for one test: an artist with an album of tracks, under names that no other test uses."""

from dataclasses import dataclass
from uuid import uuid4

from integration_tests.clients import Item, MasterClient

#: What a customer could be known by; with the address of mail.
PERSONAL_FIELDS = ("first_name", "last_name", "company", "address", "city", "state")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was created, as the master answered."""

    artist: Item
    album: Item
    genre: Item
    media_type: Item
    tracks: list[Item]

    @property
    def track_ids(self) -> list[int]:
        """Keys of the tracks."""
        return [track["id"] for track in self.tracks]


def unique(what: str) -> str:
    """A name that was never used."""
    return f"{what} {uuid4().hex}"


def fill_shelf(master: MasterClient, *, tracks: int = 1) -> Shelf:
    """Create an artist, an album, a genre, a media type and so many tracks."""
    artist = master.create("artists", name=unique("Artist"))
    album = master.create("albums", title=unique("Album"), artist=artist["id"])
    genre = master.create("genres", name=unique("Genre"))
    media_type = master.create("media-types", name=unique("Media type"))
    created = master.bulk_create(
        "tracks",
        [
            {
                "name": f"Track {number}",
                "album": album["id"],
                "genre": genre["id"],
                "media_type": media_type["id"],
                "unit_price": "0.99",
            }
            for number in range(tracks)
        ],
    )
    return Shelf(artist, album, genre, media_type, created)


def create_customer(master: MasterClient, **fields: str) -> Item:
    """Create a customer, about whom everything is known."""
    words = {name: unique(name)[:40] for name in PERSONAL_FIELDS}
    return master.create(
        "customers",
        **{
            **words,
            "email": f"{uuid4().hex}@customers.example",
            "country": "Brazil",
            **fields,
        },
    )
