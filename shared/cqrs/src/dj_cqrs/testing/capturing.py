"""Seeing what a block of a test would have sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from dj_cqrs import conf
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.master import recording
from dj_cqrs.master.marks import Mark
from dj_cqrs.testing.messages import Message


@contextmanager
def captured_messages() -> Iterator[list[Message]]:
    """Captures the messages of the changes that a block commits.

    In a ``TestCase`` nothing is ever committed, so the block counts as a transaction of its own
    there: at its end, what it changed is recorded, once for each row. The same goes for a block
    inside ``transaction.atomic``. Other ``on_commit`` hooks are left alone; Django's
    ``captureOnCommitCallbacks`` runs those.

    With an outbox the messages are in its table, too. In direct mode nothing is sent. Changes
    made by other threads are seen when they commit.

    Yields:
        A list that is complete when the block ends.

    Raises:
        Exception: what serializing the rows raises, at the end of the block.
    """
    messages: list[Message] = []

    def take(payload: TransportPayload) -> None:
        messages.append(Message.of(payload, is_monotonic=conf.outbox_is_installed()))

    before = {alias: _marks(alias) for alias in connections}
    recording.listeners.append(take)
    try:
        yield messages
        for alias, marks in before.items():
            if _never_commits(alias):
                recording.commit(alias, but=marks)
    finally:
        recording.listeners.remove(take)


def _marks(alias: str) -> list[Mark]:
    return recording.marks_on(alias).all()


def _never_commits(alias: str) -> bool:
    """Whether a transaction of somebody else is open around the block."""
    connection = connections[alias]
    return connection.in_atomic_block
