"""Playlists. Their entries are rows of their own, each sent by itself.

Not a ``ManyToManyField`` with ``add()``: that sends no signal. And not a list within the payload
of the playlist: it would be sent as a whole for each new track, and a track that is deleted takes
its entries along without the playlist being saved.
"""

from typing import ClassVar

from django.db import models

from dj_cqrs.mixins import MasterMixin
from master_service.catalogue.models import Track


class Playlist(MasterMixin):
    """A named selection of tracks."""

    CQRS_ID = "playlist"

    name = models.CharField(max_length=120)

    def __str__(self) -> str:
        return self.name


class PlaylistTrack(MasterMixin):
    """A track's place in a playlist; goes with either of them."""

    CQRS_ID = "playlist_track"

    playlist = models.ForeignKey(Playlist, on_delete=models.CASCADE, related_name="entries")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="playlist_entries")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["playlist", "track"],
                name="track_once_in_playlist",
                violation_error_message="The track is in this playlist already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.playlist_id}: {self.track_id}"
