"""What is said of a price. Pure functions from a message about a track to a notification."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to say.

    Attributes:
        id: The same for the same change of the same track, however often its message comes.
        event: "price_drop", or "price" for one that was asked for.
        track_id: Key of the track.
        name: Its name.
        artist: Its artist's name.
        price: What it costs now.
        previous_price: What it cost before; None where that is not the point.
        source: Through which door of the back office the change came.
    """

    id: str
    event: str
    track_id: int
    name: str
    artist: str
    price: Decimal
    previous_price: Decimal | None
    source: str

    def as_json(self) -> dict[str, Any]:
        """The body of a request and of a line of the log; prices are strings."""
        values = asdict(self)
        return {name: str(v) if isinstance(v, Decimal) else v for name, v in values.items()}


def of_change(
    track: Mapping[str, Any], previous: Mapping[str, Any], *, source: str
) -> Notification | None:
    """A price drop, if the change was one.

    Args:
        track: instance data of the message.
        previous: what the tracked fields were before that change; without the price if it stayed.
        source: where the change comes from.
    """
    before = previous.get("unit_price")
    if before is None or _price(track["unit_price"]) >= _price(before):
        return None
    return _notification("price_drop", track, _price(before), source)


def of_price(track: Mapping[str, Any], *, source: str) -> Notification:
    """The current price."""
    return _notification("price", track, None, source)


def _notification(
    event: str, track: Mapping[str, Any], previous_price: Decimal | None, source: str
) -> Notification:
    return Notification(
        id=f"{event}-track-{track['id']}-{track['cqrs_revision']}",
        event=event,
        track_id=track["id"],
        name=track["name"],
        artist=track["artist"]["name"],
        price=_price(track["unit_price"]),
        previous_price=previous_price,
        source=source,
    )


def _price(number: Any) -> Decimal:
    # A JSON number; its shortest form has the digits of the price.
    return Decimal(str(number)).quantize(Decimal("0.01"))
