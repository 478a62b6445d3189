"""Reads that span models, or need to know how a row is stored."""

from django.db.models import OuterRef, Q, QuerySet, Subquery

from replica_service.storefront.models import Album, Artist, PriceChange, Track
from replica_service.storefront.search import comparable


def albums_with_artist_names() -> QuerySet[Album]:
    """Albums with ``artist_name``, null while the artist has not arrived.

    A join would hide such an album: without a constraint in the database Django still takes the
    foreign key at its word and joins with INNER.
    """
    artist = Artist.objects.filter(pk=OuterRef("artist_id"))
    albums: QuerySet[Album] = Album.objects.annotate(
        artist_name=Subquery(artist.values("name")[:1])
    )
    return albums


def tracks_with_previous_prices() -> QuerySet[Track]:
    """Tracks with ``previous_price``: what they cost before the last change, or null.

    Looked up and not stored with the track: the two kinds of messages arrive in any order, even in
    two workers at once, where neither sees what the other one is writing.
    """
    newest = PriceChange.objects.filter(track_id=OuterRef("pk")).order_by("-pk")
    tracks: QuerySet[Track] = Track.objects.annotate(
        previous_price=Subquery(newest.values("price_before")[:1])
    )
    return tracks


def tracks_matching(*, tracks: QuerySet[Track], text: str) -> QuerySet[Track]:
    """Tracks whose name, artist or album contain every word, whatever case and accents."""
    words = Q()
    for word in comparable(text).split():
        words &= Q(search_text__contains=word)
    return tracks.filter(words)
