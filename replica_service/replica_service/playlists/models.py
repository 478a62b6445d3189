"""Copies of the master's playlists and of their entries, each a row of its own."""

from django.db import models

from dj_cqrs.mixins import ReplicaMixin
from replica_service.storefront.models import Reference, Track


class Playlist(ReplicaMixin):
    """A named selection of tracks."""

    CQRS_ID = "playlist"
    CQRS_READ_ONLY = True

    name = models.CharField(max_length=120, db_index=True)

    def __str__(self) -> str:
        return self.name


class PlaylistTrack(ReplicaMixin):
    """A track in a playlist; uniqueness is the master's concern."""

    CQRS_ID = "playlist_track"
    CQRS_READ_ONLY = True

    playlist = Reference(Playlist)
    track = Reference(Track)

    def __str__(self) -> str:
        return f"{self.playlist_id}: {self.track_id}"
