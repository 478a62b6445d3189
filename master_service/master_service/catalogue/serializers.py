"""Shapes of the API: what comes in and what goes out. No rule of the catalogue lives here."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from master_service.api.fields import EntitySerializer, IdField, PriceField, StrictSerializer
from master_service.catalogue.models import MAX_INTEGER


class ArtistSerializer(EntitySerializer):
    """An artist."""

    name = serializers.CharField(max_length=200)


class AlbumSerializer(EntitySerializer):
    """An album; its artist by key."""

    title = serializers.CharField(max_length=200)
    artist = IdField(source="artist_id")


class GenreSerializer(EntitySerializer):
    """A genre."""

    name = serializers.CharField(max_length=100)


class MediaTypeSerializer(EntitySerializer):
    """A media type."""

    name = serializers.CharField(max_length=100)


class TrackSerializer(EntitySerializer):
    """A track; its album, genre and media type by key."""

    name = serializers.CharField(max_length=200)
    album = IdField(source="album_id")
    media_type = IdField(source="media_type_id")
    genre = IdField(source="genre_id", required=False, allow_null=True)
    composer = serializers.CharField(
        max_length=300, required=False, allow_blank=True, allow_null=True
    )
    milliseconds = serializers.IntegerField(
        min_value=0, max_value=MAX_INTEGER, required=False, allow_null=True
    )
    bytes = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, required=False, allow_null=True
    )
    unit_price = PriceField()

    def validate_composer(self, value: str | None) -> str:
        """An unknown composer is stored in one way only."""
        return value or ""


#: What may stand for a key when a track is created.
NAME_FIELDS = ("artist_name", "album_title", "media_type_name", "genre_name")


class TrackCreateSerializer(TrackSerializer):
    """A new track; names instead of keys create what they name, where it is missing."""

    album = IdField(source="album_id", required=False)
    media_type = IdField(source="media_type_id", required=False)
    album_title = serializers.CharField(max_length=200, required=False, write_only=True)
    artist_name = serializers.CharField(max_length=200, required=False, write_only=True)
    media_type_name = serializers.CharField(max_length=100, required=False, write_only=True)
    genre_name = serializers.CharField(max_length=100, required=False, write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Each related row is given once: by its key or by its name."""
        problems: dict[str, str] = {}
        for field, name, is_required in (
            ("album", "album_title", True),
            ("media_type", "media_type_name", True),
            ("genre", "genre_name", False),
        ):
            by_key, by_name = attrs.get(f"{field}_id") is not None, name in attrs
            if by_key and by_name:
                problems[field] = f"Give {field} or {name}, not both."
            elif is_required and not by_key and not by_name:
                problems[field] = f"Give {field} (a key) or {name}."
        if ("album_title" in attrs) != ("artist_name" in attrs):
            problems["artist_name"] = "Give album_title and artist_name together."
        if problems:
            raise serializers.ValidationError(problems)
        return attrs


class RepriceSerializer(StrictSerializer):
    """One price for many tracks."""

    ids = serializers.ListField(
        child=IdField(), allow_empty=False, max_length=settings.API_BULK_MAX_ITEMS
    )
    unit_price = PriceField()


class RepricedSerializer(serializers.Serializer[Any]):
    """How many tracks had another price before."""

    updated = serializers.IntegerField()


class PriceChangeSerializer(EntitySerializer):
    """A change of a track's price."""

    track = IdField(source="track_id")
    old_price = PriceField()
    new_price = PriceField()
    changed_at = serializers.DateTimeField()
