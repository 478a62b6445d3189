"""What a transport promises. A broker without the means says so, with the reason."""

from dataclasses import dataclass, fields
from typing import Literal

import pytest


@dataclass(frozen=True, slots=True)
class No:
    """A promise that is not made."""

    reason: str


Promise = Literal[True] | No


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What a transport promises beyond carrying messages.

    The suite tests each promise that is made; for one that is not, it asserts what happens
    instead, or skips with the reason.
    """

    #: A message is called published only when the broker has said that it has it.
    confirms: Promise
    #: A message that no queue takes is reported.
    notices_unroutable: Promise
    #: A declared queue keeps what is sent while nobody consumes.
    keeps_messages: Promise
    #: What was confirmed outlives a restart of the broker.
    durable: Promise
    #: A single consumer gets what one publisher sent in the order in which it was sent.
    ordered: Promise
    #: What a closed consumer did not settle goes back to the queue.
    gives_back: Promise
    #: What a killed consumer (SIGKILL) did not settle comes again, within seconds.
    redelivers_after_a_crash: Promise
    #: What comes a second time says so.
    marks_redelivered: Promise
    #: ``retry_later`` keeps a message in the broker, and brings it when it is due.
    delays: Promise
    #: What is delayed outlives a restart of the broker.
    durable_delays: Promise
    #: What is rejected, or made a dead letter, is kept.
    keeps_dead_letters: Promise
    #: Dead letters go after ``dead_message_ttl``.
    expires_dead_letters: Promise
    #: Headers travel with a message.
    carries_headers: Promise

    def needs(self, name: str) -> None:
        """Skips the test that asks, with the reason, where that promise is not made."""
        promise: Promise = getattr(self, name)
        if isinstance(promise, No):
            pytest.skip(f"{name} is not promised: {promise.reason}")

    def makes(self, name: str) -> bool:
        """Whether that promise is made."""
        return not isinstance(getattr(self, name), No)

    @classmethod
    def names(cls) -> list[str]:
        """All promises, for a table."""
        return [one.name for one in fields(cls)]


#: Of a broker with all the means.
EVERYTHING = Promises(
    confirms=True,
    notices_unroutable=True,
    keeps_messages=True,
    durable=True,
    ordered=True,
    gives_back=True,
    redelivers_after_a_crash=True,
    marks_redelivered=True,
    delays=True,
    durable_delays=True,
    keeps_dead_letters=True,
    expires_dead_letters=True,
    carries_headers=True,
)
