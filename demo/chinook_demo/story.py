"""The demo from beginning to end: load, change, compare."""

from rich.console import Console

from chinook_demo.announcements import announcements, show_price_drops
from chinook_demo.catalogue import Catalogue
from chinook_demo.comparison import compare_shop
from chinook_demo.deletions import delete_albums
from chinook_demo.errors import NotFollowedError
from chinook_demo.following import NotYetError
from chinook_demo.loading import Loaded, load
from chinook_demo.narrator import Narrator
from chinook_demo.prices import change_prices
from chinook_demo.progress import load_progress
from chinook_demo.renaming import rename_artist
from chinook_demo.sales import show_sales
from chinook_demo.scenario import ALBUM, ALBUM_PRICES, ARTIST_NAMES, GENRE, GENRE_PRICES
from chinook_demo.shop import Shop
from chinook_demo.verdict import print_verdict


def tell(shop: Shop, console: Console, catalogue: Catalogue) -> bool:
    """Runs the demo; returns whether the replica followed, and both sides are equal at the end.

    Raises:
        DemoError: A service does not do what was asked.
    """
    narrator = Narrator(console)
    has_followed = True
    try:
        _make_changes(shop, narrator, catalogue)
    except NotFollowedError as error:
        # Nothing more to wait for, but the table says what is missing.
        narrator.failed(str(error))
        has_followed = False
    narrator.step("Every replicated row on both sides, field by field")
    comparisons = compare_shop(shop, within_seconds=shop.patience_seconds if has_followed else 0)
    print_verdict(console, comparisons)
    return has_followed and not any(c.differences for c in comparisons)


def _make_changes(shop: Shop, narrator: Narrator, catalogue: Catalogue) -> None:
    loaded = _load(shop, narrator, catalogue)
    show_sales(shop, narrator)
    known = announcements(shop.notifier_log()) if shop.notifier_log else {}
    cheaper = _change_prices(shop, narrator, catalogue, loaded)
    show_price_drops(shop, narrator, cheaper=cheaper, known=known)
    artist = catalogue.find("artists", name=ARTIST_NAMES[0])
    rename_artist(shop, narrator, loaded.key("artists", artist))
    delete_albums(shop, narrator, catalogue, loaded)


def _load(shop: Shop, narrator: Narrator, catalogue: Catalogue) -> Loaded:
    narrator.step(f"The Chinook shop: {len(catalogue):,} rows into the master")
    with load_progress(narrator.console, len(catalogue)) as progress:
        loaded = load(shop, catalogue, progress)

        def look() -> None:
            lag = shop.lag()
            progress.replica_lacks(lambda: lag)
            if lag:
                raise NotYetError(f"{lag} rows are too few or too many")

        followed = shop.follow(look)
    if any(loaded.created.values()):
        narrator.followed(followed.seconds)
        _explain(narrator, shop, loaded)
    else:
        narrator.said("everything was loaded already")
    return loaded


def _explain(narrator: Narrator, shop: Shop, loaded: Loaded) -> None:
    """What is worth a word about the rows that were created."""
    displaced = sum(loaded.displaced.values())
    if displaced:
        narrator.said(
            f"{displaced} rows got other keys than in the data set: theirs belong to rows that "
            "were here before, and stay"
        )
    again = {
        name: [r for r in rows if r.get("cqrs_revision")] for name, rows in loaded.created.items()
    }
    if not again["albums"]:
        return
    count = sum(map(len, again.values()))
    narrator.said(
        f"{count} keys are used again after a deletion; their revisions go on, "
        "so that no tombstone stops them:"
    )
    for album in again["albums"]:
        narrator.asked("replica", f"GET /api/albums/{album['id']}/")
        shown = shop.replica.get(f"albums/{album['id']}/")
        narrator.answered(f"200 “{shown['title']}”, revision {shown['cqrs_revision']}")


def _change_prices(
    shop: Shop, narrator: Narrator, catalogue: Catalogue, loaded: Loaded
) -> set[int]:
    """Changes two groups of prices; returns the tracks that became cheaper."""
    ours = frozenset(loaded.keys["tracks"].values())
    genre = catalogue.find("genres", name=GENRE)
    album = catalogue.find("albums", title=ALBUM)
    by_genre = change_prices(
        shop,
        narrator,
        title=f"everything in {GENRE}",
        having=("genre", loaded.key("genres", genre)),
        ours=ours,
        prices=GENRE_PRICES,
    )
    by_album = change_prices(
        shop,
        narrator,
        title=f"the album {ALBUM}",
        having=("album", loaded.key("albums", album)),
        ours=ours,
        prices=ALBUM_PRICES,
    )
    return by_genre | by_album
