"""The demo from beginning to end: load, change, compare."""

from rich.console import Console

from chinook_demo.catalogue import Catalogue
from chinook_demo.comparison import compare_shop
from chinook_demo.deletions import delete_albums
from chinook_demo.following import NotYetError, follow
from chinook_demo.loading import Loaded, load
from chinook_demo.narrator import Narrator
from chinook_demo.prices import change_prices
from chinook_demo.progress import load_progress
from chinook_demo.renaming import rename_artist
from chinook_demo.scenario import ALBUM, ALBUM_PRICES, ARTIST_NAMES, GENRE, GENRE_PRICES
from chinook_demo.shop import Shop
from chinook_demo.verdict import print_verdict


def tell(shop: Shop, console: Console, catalogue: Catalogue, *, within_seconds: float) -> bool:
    """Runs the demo; returns whether both sides are equal at the end.

    Args:
        shop: Both services.
        console: Where to print.
        catalogue: What to load.
        within_seconds: Patience with the replica at the end.

    Raises:
        DemoError: A service does not do what was asked.
    """
    narrator = Narrator(console)
    loaded = _load(shop, narrator, catalogue)
    _change_prices(shop, narrator, catalogue, loaded)
    artist = catalogue.find("artists", name=ARTIST_NAMES[0])[0]
    rename_artist(shop, narrator, loaded.key("artists", artist))
    delete_albums(shop, narrator, catalogue, loaded)
    narrator.step("Every replicated row on both sides, field by field")
    comparisons = compare_shop(shop, within_seconds=within_seconds)
    print_verdict(console, comparisons)
    return not any(comparison.differences for comparison in comparisons)


def _load(shop: Shop, narrator: Narrator, catalogue: Catalogue) -> Loaded:
    narrator.step(f"The Chinook catalogue: {len(catalogue):,} rows into the master")
    with load_progress(narrator.console, len(catalogue)) as progress:
        loaded = load(shop, catalogue, progress)

        def look() -> None:
            lag = shop.lag()
            progress.replica_lacks(lag)
            if lag:
                raise NotYetError(f"{lag} rows are not there yet")

        followed = follow(look)
    if any(loaded.created.values()):
        narrator.followed(followed.seconds)
        _explain(narrator, shop, loaded)
    else:
        narrator.said("everything was loaded already")
    return loaded


def _explain(narrator: Narrator, shop: Shop, loaded: Loaded) -> None:
    """What is worth a word about the rows that were created."""
    displaced = ", ".join(f"{count} {name}" for name, count in loaded.displaced.items() if count)
    if displaced:
        narrator.said(f"keys taken by rows that were here before, which stay: {displaced} got new")
    again = [row for rows in loaded.created.values() for row in rows if row["cqrs_revision"] > 0]
    albums = [row for row in loaded.created["albums"] if row in again]
    if not albums:
        return
    narrator.said(
        f"{len(again)} keys are used again after a deletion; their revisions go on, "
        "so that no tombstone stops them:"
    )
    for album in albums:
        narrator.asked("replica", f"GET /api/albums/{album['id']}/")
        shown = shop.replica.get(f"albums/{album['id']}/")
        narrator.answered(f"200 “{shown['title']}”, revision {shown['cqrs_revision']}")


def _change_prices(shop: Shop, narrator: Narrator, catalogue: Catalogue, loaded: Loaded) -> None:
    genre = catalogue.find("genres", name=GENRE)[0]
    change_prices(
        shop,
        narrator,
        title=f"everything in {GENRE}",
        track_ids=[
            loaded.key("tracks", track) for track in catalogue.find("tracks", genre=genre["id"])
        ],
        prices=GENRE_PRICES,
        replica_filter={"genre_id": loaded.key("genres", genre)},
    )
    album = catalogue.find("albums", title=ALBUM)[0]
    change_prices(
        shop,
        narrator,
        title=f"the album {ALBUM}",
        track_ids=[
            loaded.key("tracks", track) for track in catalogue.find("tracks", album=album["id"])
        ],
        prices=ALBUM_PRICES,
        replica_filter={"album_id": loaded.key("albums", album)},
    )
