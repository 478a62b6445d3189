"""Messages for the tests of the replica side, and a way to apply them as a worker does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dj_cqrs import wire
from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.outcome import Outcome

MONOTONIC = {REVISIONS_HEADER: REVISIONS_MONOTONIC}
START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment of the master's clock."""
    return START + timedelta(seconds=seconds)


def raw(
    signal_type: str,
    revision: int,
    *,
    cqrs_id: str = "item",
    pk: Any = 1,
    seconds: float | None = None,
    monotonic: bool = True,
    routing_key: str | None = None,
    previous_data: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    expires: str | None = None,
    **data: Any,
) -> RawMessage:
    """One message; by default the master's clock grows with the revision."""
    instance_data = {
        "id": pk,
        **data,
        "cqrs_revision": revision,
        "cqrs_updated": str(at(revision if seconds is None else seconds)),
    }
    body = {
        "signal_type": signal_type,
        "cqrs_id": cqrs_id,
        "instance_data": instance_data,
        "previous_data": previous_data,
        "instance_pk": pk,
        "correlation_id": None,
        "retries": 0,
        "expires": expires,
        "meta": meta,
    }
    headers = MONOTONIC if monotonic else {}
    return RawMessage(wire.encode(body), routing_key or cqrs_id, headers)


def save(revision: int, **kwargs: Any) -> RawMessage:
    """A SAVE."""
    return raw("SAVE", revision, **kwargs)


def sync(revision: int, **kwargs: Any) -> RawMessage:
    """A SYNC."""
    return raw("SYNC", revision, **kwargs)


def delete(revision: int, **kwargs: Any) -> RawMessage:
    """A DELETE."""
    return raw("DELETE", revision, **kwargs)


def outcomes(*raws: RawMessage) -> list[Outcome]:
    """Applies messages one batch each; returns their outcomes."""
    return [apply_batch([each])[0].outcome for each in raws]


def outcome_of(raws: Sequence[RawMessage], batch: Sequence[Any]) -> list[Outcome]:
    """The outcomes of a batch, in the order of its messages."""
    by_id = {id(result.raw): result.outcome for result in batch}
    return [by_id[id(each)] for each in raws]
