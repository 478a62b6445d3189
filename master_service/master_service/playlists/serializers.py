"""Shapes of the API."""

from rest_framework import serializers

from master_service.api.fields import EntitySerializer, IdField


class PlaylistSerializer(EntitySerializer):
    """A playlist; its tracks are resources of their own."""

    name = serializers.CharField(max_length=120)


class PlaylistTrackSerializer(EntitySerializer):
    """A track in a playlist, both by key."""

    playlist = IdField(source="playlist_id")
    track = IdField(source="track_id")
