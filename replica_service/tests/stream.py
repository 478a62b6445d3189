"""Messages of a master, written as they stand on the wire, and applied as a worker does it.

The wire is the only thing that this service knows of the master, so its tests do not import one.
"""

import itertools
import json
from typing import Any

from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome

_seconds = itertools.count()


def message(
    cqrs_id: str,
    data: dict[str, Any],
    *,
    revision: int = 0,
    signal_type: str = "SAVE",
    previous: dict[str, Any] | None = None,
) -> RawMessage:
    """One delivery."""
    second = next(_seconds)
    moment = f"2026-11-23 {second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}+00:00"
    body = {
        "signal_type": signal_type,
        "cqrs_id": cqrs_id,
        "instance_data": {**data, "cqrs_revision": revision, "cqrs_updated": moment},
        "previous_data": previous,
        "instance_pk": data["id"],
        "correlation_id": None,
        "retries": 0,
        "expires": None,
        "meta": {},
    }
    headers = {REVISIONS_HEADER: REVISIONS_MONOTONIC}
    return RawMessage(json.dumps(body).encode(), cqrs_id, headers)


def deliver(*messages: RawMessage) -> list[Outcome]:
    """Applies a batch; the outcome of each message."""
    return [result.outcome for result in apply_batch(messages)]


def track_data(**changes: Any) -> dict[str, Any]:
    """Instance data of a track."""
    return {
        "id": 1,
        "name": "Ace of Spades",
        "album": {"id": 11, "title": "Ace of Spades"},
        "artist": {"id": 21, "name": "Motörhead"},
        "genre": {"id": 31, "name": "Metal"},
        "media_type": {"id": 41, "name": "MPEG audio file"},
        "composer": "Kilmister",
        "milliseconds": 169_000,
        "bytes": 4_000_000_000,
        "unit_price": 0.99,
        **changes,
    }


def deliver_track(*, revision: int = 0, previous: Any = None, **changes: Any) -> None:
    """A track arrives."""
    data = track_data(**changes)
    outcomes = deliver(message("track", data, revision=revision, previous=previous))
    assert outcomes == [Outcome.APPLIED]


def price_change_data(**changes: Any) -> dict[str, Any]:
    """Instance data of a price change of that track."""
    moment = "2026-11-23 18:44:37.955405+00:00"
    return {
        "id": 1,
        "track": 1,
        "old_price": 0.99,
        "new_price": 1.29,
        "changed_at": moment,
        **changes,
    }


def deliver_row(cqrs_id: str, *, revision: int = 0, **data: Any) -> None:
    """A row of any other model arrives."""
    assert deliver(message(cqrs_id, data, revision=revision)) == [Outcome.APPLIED]
