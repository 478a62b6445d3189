"""One row changes on the master; on the replica every track that shows the artist's name."""

from chinook_demo.following import NotYetError
from chinook_demo.narrator import Narrator
from chinook_demo.rows import Row
from chinook_demo.scenario import ARTIST_NAMES, other
from chinook_demo.shop import Shop

_EXAMPLES = 3


def rename_artist(shop: Shop, narrator: Narrator, artist_id: int) -> None:
    """Gives the artist the other one of its names and watches its tracks on the replica."""
    current = shop.master.get(f"artists/{artist_id}/")["name"]
    name = other(current, ARTIST_NAMES)
    narrator.step(f"A name: {current} become {name}")
    narrator.asked("master", f"PATCH /api/artists/{artist_id}/", {"name": name})
    revision = shop.master.patch(f"artists/{artist_id}/", {"name": name})["cqrs_revision"]

    def look() -> list[Row]:
        tracks = shop.replica.rows("tracks", artist_id=artist_id)
        renamed = [track for track in tracks if track["artist_name"] == name]
        if len(renamed) != len(tracks) or not tracks:
            raise NotYetError(f"{len(renamed)} of {len(tracks)} tracks show {name}")
        return tracks

    followed = shop.follow(look)
    narrator.answered(f"200, revision {revision} of the artist")
    narrator.asked("replica", f"GET /api/tracks/?artist_id={artist_id}")
    tracks = followed.answer
    titles = ", ".join(f"“{track['name']}”" for track in tracks[:_EXAMPLES])
    narrator.answered(f"{titles} and all {len(tracks)} tracks: artist_name {name}")
    narrator.followed(followed.seconds)
