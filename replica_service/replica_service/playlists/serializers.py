"""Shapes of the API; for reading only."""

from rest_framework import serializers

from replica_service.storefront.serializers import ReplicaSerializer


class PlaylistSerializer(ReplicaSerializer):
    """A playlist, and how many tracks are in it."""

    name = serializers.CharField()
    track_count = serializers.IntegerField()


class PlaylistTrackSerializer(ReplicaSerializer):
    """A track in a playlist."""

    playlist_id = serializers.IntegerField()
    track_id = serializers.IntegerField()
