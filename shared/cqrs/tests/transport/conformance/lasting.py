"""What outlives a restart of the broker, and the death of a consumer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from dj_cqrs.transport.base import BaseTransport, Publisher
from tests.transport.conformance import holding
from tests.transport.conformance.suite import Suite
from tests.transport.messages import CONFIRMED, messages, numbers, receive


class Lasting(Suite):
    """What is kept whatever happens."""

    def test_what_was_confirmed_outlives_a_restart_of_the_broker(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        self.promises.needs("durable")
        restart: Callable[[], None] = request.getfixturevalue("restart")
        transport.consumer(["track"]).close()
        assert publisher.publish(messages(range(5)), timeout_seconds=10) == [CONFIRMED] * 5

        restart()

        again = receive(self.new_consumer(transport, request), 5)
        assert sorted(numbers(again)) == list(range(5))

    def test_what_is_delayed_outlives_a_restart_of_the_broker(
        self,
        transport: type[BaseTransport],
        publisher: Publisher,
        request: pytest.FixtureRequest,
    ) -> None:
        self.promises.needs("durable_delays")
        restart: Callable[[], None] = request.getfixturevalue("restart")
        consumer = transport.consumer(["track"])
        publisher.publish(messages(range(4)), timeout_seconds=10)
        for number, failed in enumerate(receive(consumer, 4)):
            # Some come due before the restart, some while the broker is away, some after it.
            delay_seconds = [0, 1, 3, 15][number]
            consumer.retry_later(
                failed, cqrs_id="track", body=failed.body, delay_seconds=delay_seconds
            )
        consumer.close()

        restart()

        again = receive(self.new_consumer(transport, request), 4, within_seconds=40)
        assert sorted(numbers(again)) == [0, 1, 2, 3]

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
