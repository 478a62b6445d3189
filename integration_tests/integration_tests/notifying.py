"""A notifier for one test."""

from collections.abc import Iterator
from contextlib import contextmanager

from integration_tests import broker
from integration_tests.services import Notifier
from integration_tests.stack import Stack


@contextmanager
def running_notifier(stack: Stack, *, webhook_url: str = "") -> Iterator[Notifier]:
    """A notifier whose queue is there before anything changes, and goes with it."""
    notifier = stack.new_notifier(webhook_url=webhook_url)
    notifier.manage("cqrs_declare")
    notifier.consumer.start()
    try:
        yield notifier
    finally:
        notifier.consumer.kill()
        broker.delete_queues(stack.broker_url, notifier.queue, f"dead_letter_{notifier.queue}")
