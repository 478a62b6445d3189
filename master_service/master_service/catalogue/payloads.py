"""What goes over the wire for models that send more than their own columns."""

from typing import Any

from master_service.catalogue.models import Track


class TrackPayload:
    """A track with the rows that a reader needs beside it.

    A ``CQRS_SERIALIZER`` is anything that takes the instance and has ``data``; the instance comes
    through ``Track.relate_cqrs_serialization``, so that nothing here runs a query.
    """

    def __init__(self, track: Track) -> None:
        self._track = track

    @property
    def data(self) -> dict[str, Any]:
        """The instance data; the library adds the revision."""
        track = self._track
        return {
            "id": track.pk,
            "name": track.name,
            "album": {"id": track.album.pk, "title": track.album.title},
            "artist": {"id": track.album.artist.pk, "name": track.album.artist.name},
            "genre": {"id": track.genre.pk, "name": track.genre.name} if track.genre else None,
            "media_type": {"id": track.media_type.pk, "name": track.media_type.name},
            "composer": track.composer,
            "milliseconds": track.milliseconds,
            "bytes": track.bytes,
            "unit_price": track.unit_price,
        }
