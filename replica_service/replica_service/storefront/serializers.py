"""Shapes of the API; for reading only."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers


class ReplicaSerializer(serializers.Serializer[Any]):
    """What every row has: its key, and which state of the master's row it shows."""

    id = serializers.IntegerField()
    cqrs_revision = serializers.IntegerField()
    cqrs_updated = serializers.DateTimeField()


class PriceField(serializers.DecimalField):
    """A price: a decimal as a string, so that no digit depends on a float."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=Decimal(0), **kwargs)


class NamedSerializer(ReplicaSerializer):
    """An artist, a genre or a media type."""

    name = serializers.CharField()


class AlbumSerializer(ReplicaSerializer):
    """An album; the artist's name is null until the artist has arrived."""

    title = serializers.CharField()
    artist_id = serializers.IntegerField()
    artist_name = serializers.CharField(allow_null=True)


class TrackSerializer(ReplicaSerializer):
    """A track with everything a shop window shows."""

    name = serializers.CharField()
    album_id = serializers.IntegerField()
    album_title = serializers.CharField()
    artist_id = serializers.IntegerField()
    artist_name = serializers.CharField()
    genre_id = serializers.IntegerField(allow_null=True)
    genre_name = serializers.CharField()
    media_type_name = serializers.CharField()
    composer = serializers.CharField()
    milliseconds = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    unit_price = PriceField()
    previous_price = PriceField(allow_null=True)
    is_featured = serializers.BooleanField()


class PriceChangeSerializer(ReplicaSerializer):
    """A step of a track's price."""

    track_id = serializers.IntegerField()
    price_before = PriceField()
    price_after = PriceField()
    changed_at = serializers.DateTimeField()
