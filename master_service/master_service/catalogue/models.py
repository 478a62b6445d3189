"""The catalogue's tables. Every model is replicated: its ``CQRS_*`` attributes say how."""

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from dj_cqrs.mixins import MasterMixin

#: The largest value of a 32 bit column, the same on every database.
MAX_INTEGER = 2**31 - 1


def price_field() -> "models.DecimalField[Decimal, Decimal]":
    """A price in the shop's currency, never below zero."""
    return models.DecimalField(
        max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )


class Artist(MasterMixin):
    """A musician or a group."""

    CQRS_ID = "artist"

    name = models.CharField(max_length=200, unique=True)

    def __str__(self) -> str:
        return self.name


class Album(MasterMixin):
    """An artist's album; goes with its artist, and its tracks go with it."""

    CQRS_ID = "album"

    title = models.CharField(max_length=200)
    artist = models.ForeignKey(Artist, on_delete=models.CASCADE, related_name="albums")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["artist", "title"],
                name="album_title_of_artist",
                violation_error_message="This artist already has an album of this title.",
            )
        ]

    def __str__(self) -> str:
        return self.title


class Genre(MasterMixin):
    """A kind of music."""

    CQRS_ID = "genre"

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class MediaType(MasterMixin):
    """The format that a track is sold in."""

    CQRS_ID = "media_type"

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Track(MasterMixin):
    """What the shop sells. Its price changes through the services, which keep the history."""

    CQRS_ID = "track"
    CQRS_SERIALIZER = "master_service.catalogue.payloads.TrackPayload"
    CQRS_TRACKED_FIELDS = ("unit_price",)
    # The payload embeds these rows: renaming an artist sends its tracks again.
    CQRS_RELATED = ("album__artist", "genre", "media_type")

    name = models.CharField(max_length=200)
    album = models.ForeignKey(Album, on_delete=models.CASCADE, related_name="tracks")
    # PROTECT, not SET_NULL: that changes the tracks by a bare UPDATE, which sends no signal, and
    # the replicas would keep the deleted name.
    media_type = models.ForeignKey(MediaType, on_delete=models.PROTECT, related_name="tracks")
    genre = models.ForeignKey(
        Genre, on_delete=models.PROTECT, related_name="tracks", null=True, blank=True
    )
    composer = models.CharField(max_length=300, blank=True, default="")
    milliseconds = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MAX_INTEGER)]
    )
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    unit_price = price_field()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(unit_price__gte=0), name="track_unit_price_not_negative"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def relate_cqrs_serialization(
        cls, queryset: models.QuerySet["Track"]
    ) -> models.QuerySet["Track"]:
        """One query for a batch of payloads, whatever its size."""
        return queryset.select_related("album__artist", "genre", "media_type")


class PriceChange(MasterMixin):
    """One change of a track's price: written once, never altered.

    A row of its own and not only the tracked field of the track, since a replica may rightly skip
    a change of the track that a newer one has overtaken.
    """

    CQRS_ID = "price_change"

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="price_changes")
    old_price = price_field()
    new_price = price_field()
    changed_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.old_price} → {self.new_price}"
