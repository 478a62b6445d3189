"""``cqrs_relay``: how many messages it takes at once, and that it ends in good order."""

import os
import signal
from collections.abc import Iterator, Sequence
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from dj_cqrs.transport.base import OutgoingMessage, Publisher, PublishOutcome
from dj_cqrs.transport.memory import MemoryTransport
from tests.app.master_models import Author

pytestmark = pytest.mark.django_db(transaction=True)


class CountingPublisher:
    """Takes everything, and ends the process as an administrator would when there is no more."""

    batches: list[int]

    def __init__(self) -> None:
        self.batches = []
        self.is_closed = False

    def publish(
        self,
        messages: Sequence[OutgoingMessage],
        *,
        timeout_seconds: float,
    ) -> list[PublishOutcome]:
        self.batches.append(len(messages))
        return [PublishOutcome.CONFIRMED] * len(messages)

    def wait(self, seconds: float) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def close(self) -> None:
        self.is_closed = True


class CountingTransport(MemoryTransport):
    """Has that publisher."""

    made: CountingPublisher

    @classmethod
    def publisher(cls) -> Publisher:
        cls.made = CountingPublisher()
        return cls.made


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The command takes the handlers over; a process has it to itself, a test run does not."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("options", "batches"),
    [([], [2, 2, 1]), (["--batch-size", "3"], [3, 2])],
    ids=["setting", "option"],
)
def test_it_takes_as_many_messages_at_once_as_it_is_told(
    options: list[str], batches: list[int], settings: Settings
) -> None:
    settings.CQRS = {
        **settings.CQRS,
        "transport": f"{__name__}.CountingTransport",
        "master": {"relay_batch_size": 2},
    }
    for number in range(5):
        Author.objects.create(name=str(number))

    call_command("cqrs_relay", *options, stdout=StringIO())

    assert CountingTransport.made.batches == batches
    assert CountingTransport.made.is_closed
