"""The storefront's tables: copies of the master's rows, written by the consumer only.

Order between rows of different models is not promised, so no foreign key has a constraint in the
database, and none cascades: each row goes when its own message says so.
"""

from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Upper

from dj_cqrs.mixins import ReplicaMixin
from replica_service.storefront.search import search_row

#: A reference to a row that may arrive later, or be gone already.
Reference = partial(
    models.ForeignKey, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
)
Price = partial(models.DecimalField, max_digits=10, decimal_places=2)


class Artist(ReplicaMixin):
    """A musician or a group."""

    CQRS_ID = "artist"
    CQRS_READ_ONLY = True

    name = models.CharField(max_length=200, db_index=True)

    def __str__(self) -> str:
        return self.name


class Album(ReplicaMixin):
    """An artist's album."""

    CQRS_ID = "album"
    CQRS_READ_ONLY = True

    title = models.CharField(max_length=200, db_index=True)
    artist = Reference(Artist)

    def __str__(self) -> str:
        return self.title


class Genre(ReplicaMixin):
    """A kind of music."""

    CQRS_ID = "genre"
    CQRS_READ_ONLY = True

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class MediaType(ReplicaMixin):
    """The format that a track is sold in."""

    CQRS_ID = "media_type"
    CQRS_READ_ONLY = True

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Track(ReplicaMixin):
    """One row for each track, with everything that a search needs: no query joins.

    The payload is nested (the master's serializer makes it), so this model takes it apart itself.
    """

    CQRS_ID = "track"
    CQRS_READ_ONLY = True
    CQRS_CUSTOM_SERIALIZATION = True
    # Editors write `is_featured` meanwhile: the row stays locked from the look to the save.
    CQRS_SELECT_FOR_UPDATE = True

    name = models.CharField(max_length=200, db_index=True)
    album = Reference(Album)
    album_title = models.CharField(max_length=200)
    artist = Reference(Artist)
    artist_name = models.CharField(max_length=200)
    genre = Reference(Genre, null=True)
    genre_name = models.CharField(max_length=100, blank=True)
    media_type_name = models.CharField(max_length=100)
    composer = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(null=True)
    bytes = models.PositiveBigIntegerField(null=True)
    unit_price = Price(db_index=True)

    #: Name, artist and album as the search compares them.
    search_text = models.TextField()
    #: The storefront's own: no message of the master touches it.
    is_featured = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [
            # As PostgreSQL is asked by `genre_name__iexact`.
            models.Index(Upper("genre_name"), name="track_upper_genre_name"),
            # Only the few that are shown.
            models.Index("id", condition=models.Q(is_featured=True), name="track_is_featured"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def cqrs_create(
        cls,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> "Track":
        """Creates the flat row from the nested payload."""
        track: Track = super().cqrs_create(sync, search_row(mapped_data), previous_data, meta)
        return track

    def cqrs_update(
        self,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Updates what comes from the master; the local columns stay as they are in the row."""
        return super().cqrs_update(sync, search_row(mapped_data), previous_data, meta)


class PriceChange(ReplicaMixin):
    """One step of a track's price; the newest one says what the track cost before."""

    CQRS_ID = "price_change"
    CQRS_READ_ONLY = True
    # Here the names say what a reader sees, not what the back office did.
    CQRS_MAPPING: ClassVar = {
        "id": "id",
        "track": "track",
        "old_price": "price_before",
        "new_price": "price_after",
        "changed_at": "changed_at",
    }

    track = Reference(Track, db_index=False)
    price_before = Price()
    price_after = Price()
    changed_at = models.DateTimeField(db_index=True)

    class Meta:
        # The newest change of a track: its master writes them one after the other.
        indexes: ClassVar = [models.Index(fields=["track", "-id"], name="price_change_newest")]

    def __str__(self) -> str:
        return f"{self.price_before} → {self.price_after}"
