"""What outlives a restart of the broker, and the death of a consumer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from pytest_django import Settings

from dj_cqrs.transport.base import BaseTransport, Publisher
from tests.transport.conformance import holding
from tests.transport.conformance.suite import Suite
from tests.transport.messages import CONFIRMED, messages, numbers, receive


class Lasting(Suite):
    """What is kept whatever happens."""

    #: One comes due before a restart of the broker, some while it is away, one after it.
    delays_seconds: ClassVar[tuple[float, ...]] = (0, 1, 3, 10)

    def test_what_was_confirmed_or_is_delayed_outlives_a_restart_of_the_broker(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        self.promises.needs("durable")
        restart: Callable[[], None] = request.getfixturevalue("restart")
        consumer = transport.consumer(["track"])
        expected = list(range(5))
        if self.promises.makes("durable_delays"):
            delayed = range(5, 5 + len(self.delays_seconds))
            publisher.publish(messages(delayed), timeout_seconds=10)
            failed = receive(consumer, len(delayed))
            for one, seconds in zip(failed, self.delays_seconds, strict=True):
                consumer.retry_later(one, cqrs_id="track", body=one.body, delay_seconds=seconds)
            expected += delayed
        consumer.close()
        assert publisher.publish(messages(range(5)), timeout_seconds=10) == [CONFIRMED] * 5

        restart()

        again = self.new_consumer(transport, request)
        arrived = receive(again, len(expected), within_seconds=40)
        assert sorted(numbers(arrived)) == expected

    def test_what_a_killed_consumer_held_comes_again(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        settings: Settings,
        request: pytest.FixtureRequest,
    ) -> None:
        self.promises.needs("redelivers_after_a_crash")
        transport.consumer(["track"]).close()
        publisher.publish(messages(range(3)), timeout_seconds=10)

        _kill_a_consumer_that_holds(3, settings.CQRS)

        again = receive(self.new_consumer(transport, request), 3)
        assert sorted(numbers(again)) == [0, 1, 2]


def _kill_a_consumer_that_holds(count: int, cqrs: dict[str, object]) -> None:
    library_tests = Path(__file__).parents[3]
    command = [sys.executable, "-m", holding.__name__, json.dumps(cqrs), str(count)]
    with subprocess.Popen(command, cwd=library_tests, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "holding\n"
        held.kill()
