"""Albums are deleted on the master; on the replica they and their tracks disappear."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chinook_demo.catalogue import Catalogue
from chinook_demo.following import NotYetError
from chinook_demo.loading import Loaded
from chinook_demo.narrator import Narrator
from chinook_demo.scenario import ALBUMS_TO_DELETE, DELETED_ALBUMS
from chinook_demo.shop import Shop


@dataclass(frozen=True, slots=True)
class Album:
    """An album that may go."""

    key: int
    title: str
    tracks: int


def delete_albums(shop: Shop, narrator: Narrator, catalogue: Catalogue, loaded: Loaded) -> None:
    """Deletes some albums and watches the replica."""
    albums = list(_albums(shop, catalogue, loaded))[:DELETED_ALBUMS]
    if not albums:
        narrator.step("Gone: nothing, since every album that may go has got other tracks")
        return
    titles = " and ".join(album.title for album in albums)
    tracks = sum(album.tracks for album in albums)
    narrator.step(f"Gone: {titles}, with their {tracks} tracks")
    for album in albums:
        narrator.asked("master", f"DELETE /api/albums/{album.key}/")
        shop.master.delete("albums", album.key)
        narrator.answered("204")
    followed = shop.follow(lambda: _check_gone(shop, albums))
    for album in albums:
        narrator.asked("replica", f"GET /api/albums/{album.key}/")
        narrator.answered("404")
        narrator.asked("replica", f"GET /api/tracks/?album_id={album.key}")
        narrator.answered(f"no tracks, where {album.tracks} were")
    narrator.followed(followed.seconds)


def _albums(shop: Shop, catalogue: Catalogue, loaded: Loaded) -> Iterator[Album]:
    """Albums that may go: none that was sold from, or to which somebody has added a track."""
    ours = set(loaded.keys["tracks"].values())
    ours -= {line["track"] for line in shop.master.rows("invoice-lines")}
    for title in ALBUMS_TO_DELETE:
        key = loaded.key("albums", catalogue.find("albums", title=title))
        tracks = [track["id"] for track in shop.master.rows("tracks", album=key)]
        if ours.issuperset(tracks):
            yield Album(key, title, len(tracks))


def _check_gone(shop: Shop, albums: Collection[Album]) -> None:
    for album in albums:
        if shop.replica.find("albums", album.key) is not None:
            raise NotYetError(f"the album {album.title} is still there")
        tracks = shop.replica.rows("tracks", album_id=album.key)
        if tracks:
            raise NotYetError(f"{len(tracks)} tracks of {album.title} are still there")
