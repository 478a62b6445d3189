"""One request changes the prices of many tracks; the replica shows the new and the previous."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from chinook_demo.following import NotYetError
from chinook_demo.narrator import Narrator, abridged
from chinook_demo.rows import Row
from chinook_demo.scenario import other
from chinook_demo.shop import Shop


def change_prices(
    shop: Shop,
    narrator: Narrator,
    *,
    title: str,
    having: tuple[str, int],
    ours: Collection[int],
    prices: tuple[Decimal, Decimal],
) -> set[int]:
    """Gives the tracks of an album or a genre the other one of two prices; watches the replica.

    Args:
        shop: Both services.
        narrator: Prints what happens.
        title: Names the tracks.
        having: "album" or "genre", and its key.
        ours: Keys of the tracks that may be changed.
        prices: The price that they have, as a rule, and the price that they get, or back again.

    Returns:
        Keys of the tracks that became cheaper.
    """
    parent, key = having
    tracks = shop.master.rows("tracks", **{parent: key})
    before = {t["id"]: Decimal(t["unit_price"]) for t in tracks if t["id"] in ours}
    usual = Counter(before.values()).most_common(1)[0][0]
    price = other(usual, prices)
    narrator.step(f"Prices: {title} from {usual} to {price}")
    body = {"ids": list(before), "unit_price": str(price)}
    narrator.asked("master", "PATCH /api/tracks/bulk/", body)
    answer = shop.master.patch("tracks/bulk/", body)

    def look() -> list[Row]:
        found = shop.replica.rows("tracks", **{f"{parent}_id": key})
        _check_prices(found, before, price)
        return found

    followed = shop.follow(look)
    narrator.answered(f"200 {abridged(answer)}")
    narrator.asked("replica", f"GET /api/tracks/?{parent}_id={key}")
    narrator.answered(_shown(followed.answer, before, price))
    narrator.followed(followed.seconds)
    return {key for key, was in before.items() if price < was}


def _check_prices(tracks: Sequence[Row], before: Mapping[int, Decimal], price: Decimal) -> None:
    followed = 0
    for track in (track for track in tracks if track["id"] in before):
        is_new = Decimal(track["unit_price"]) == price
        was_there = before[track["id"]] == price  # the change left such a track alone
        followed += is_new and (was_there or _previous(track) == before[track["id"]])
    if followed != len(before):
        raise NotYetError(f"{followed} of {len(before)} tracks show {price} and what was before")


def _previous(track: Row) -> Decimal | None:
    return None if track["previous_price"] is None else Decimal(track["previous_price"])


def _shown(tracks: Sequence[Row], before: Mapping[int, Decimal], price: Decimal) -> str:
    example = next(track for track in tracks if before.get(track["id"], price) != price)
    return (
        f"all {len(before)} tracks at {price}; “{example['name']}”: "
        f"unit_price {example['unit_price']}, previous_price {example['previous_price']}"
    )
