"""Tells whoever has to count them which messages of direct mode the broker did not take.

``produce`` logs a failure and returns, since the caller's change is committed. A sync changes
nothing: it listens here, to say what it really sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from dj_cqrs.dataclasses import TransportPayload


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that was not sent, or not confirmed, and why."""

    payload: TransportPayload
    error: Exception


_listening: ContextVar[list[Undelivered] | None] = ContextVar("cqrs_undelivered", default=None)


@contextmanager
def collected() -> Iterator[list[Undelivered]]:
    """Yields a list that gets what is reported inside the block."""
    found: list[Undelivered] = []
    token = _listening.set(found)
    try:
        yield found
    finally:
        _listening.reset(token)


def report(payload: TransportPayload, error: Exception) -> bool:
    """Called by a transport about each message that the broker has not confirmed.

    Returns:
        Whether somebody listens.
    """
    found = _listening.get()
    if found is None:
        return False
    found.append(Undelivered(payload, error))
    return True
