"""One request changes the prices of many tracks; the replica shows the new and the previous."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from chinook_demo.following import NotYetError, follow
from chinook_demo.narrator import Narrator
from chinook_demo.rows import Row
from chinook_demo.scenario import other
from chinook_demo.shop import Shop


def change_prices(
    shop: Shop,
    narrator: Narrator,
    *,
    title: str,
    track_ids: Sequence[int],
    prices: tuple[Decimal, Decimal],
    replica_filter: Row,
) -> None:
    """Gives tracks the other one of two prices and watches the replica.

    Args:
        shop: Both services.
        narrator: Prints what happens.
        title: Names the tracks.
        track_ids: Their keys.
        prices: The price that they have, as a rule, and the price that they get, or back again.
        replica_filter: How the replica's search finds them, maybe with others.
    """
    before = _prices(shop.master.rows("tracks"), track_ids)
    usual = Counter(before.values()).most_common(1)[0][0]
    price = other(usual, prices)
    narrator.step(f"Prices: {title} from {usual} to {price}")
    body = {"ids": list(track_ids), "unit_price": str(price)}
    narrator.asked("master", "PATCH /api/tracks/bulk/", body)
    answer = shop.master.patch("tracks/bulk/", body)

    def look() -> list[Row]:
        tracks = [t for t in shop.replica.rows("tracks", **replica_filter) if t["id"] in before]
        _check_prices(tracks, before, price)
        return tracks

    followed = follow(look)
    narrator.answered(f"200 {answer}")
    query = "&".join(f"{name}={value}" for name, value in replica_filter.items())
    narrator.asked("replica", f"GET /api/tracks/?{query}")
    narrator.answered(_shown(followed.answer))
    narrator.followed(followed.seconds)


def _prices(tracks: Sequence[Row], ids: Sequence[int]) -> dict[int, Decimal]:
    wanted = set(ids)
    return {t["id"]: Decimal(t["unit_price"]) for t in tracks if t["id"] in wanted}


def _check_prices(tracks: Sequence[Row], before: dict[int, Decimal], price: Decimal) -> None:
    followed = 0
    for track in tracks:
        is_new = Decimal(track["unit_price"]) == price
        was_there = before[track["id"]] == price  # the change left such a track alone
        followed += is_new and (was_there or _previous(track) == before[track["id"]])
    if followed != len(before):
        raise NotYetError(f"{followed} of {len(before)} tracks show {price} and what was before")


def _previous(track: Row) -> Decimal | None:
    return None if track["previous_price"] is None else Decimal(track["previous_price"])


def _shown(tracks: Sequence[Row]) -> str:
    example = tracks[0]
    return (
        f"“{example['name']}”: unit_price {example['unit_price']}, "
        f"previous_price {example['previous_price']}; the same for all {len(tracks)} tracks"
    )
