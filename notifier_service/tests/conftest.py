"""Fixtures of all tests of the notifier."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from tests.webhook import Webhook, webhook


class Lines(logging.Handler):
    """The lines of the notifications' log, parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.parsed: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.parsed.append(json.loads(record.getMessage()))


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    lines = Lines()
    logger = logging.getLogger("notifications")
    logger.addHandler(lines)
    yield lines.parsed
    logger.removeHandler(lines)


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Webhook]:
    with webhook() as receiver:
        settings.WEBHOOK_URL = receiver.url
        yield receiver
