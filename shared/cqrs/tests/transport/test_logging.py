"""The log lines of a transport, word for word."""

from datetime import UTC, datetime

import pytest

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.transport.mixins import LoggingMixin

PAYLOAD = TransportPayload("SAVE", "item", {}, 1, correlation_id="abc", retries=2)
ETA = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hook", "level", "text"),
    [
        ("log_consumed", "INFO", "CQRS is received: pk = 1 (item), correlation_id = abc."),
        ("log_consumed_accepted", "INFO", "CQRS is applied: pk = 1 (item), correlation_id = abc."),
        ("log_consumed_denied", "WARNING", "CQRS is denied: pk = 1 (item), correlation_id = abc."),
        (
            "log_consumed_failed",
            "WARNING",
            "CQRS is failed: pk = 1 (item), correlation_id = abc, retries = 2.",
        ),
        (
            "log_dead_letter",
            "WARNING",
            "CQRS is added to dead letter queue: pk = 1 (item), correlation_id = abc.",
        ),
        ("log_requeued", "WARNING", "CQRS is requeued: pk = 1 (item), correlation_id = abc."),
        ("log_produced", "INFO", "CQRS is published: pk = 1 (item), correlation_id = abc."),
    ],
)
def test_a_line_says_what_becomes_of_which_message(
    hook: str, level: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "django-cqrs")

    getattr(LoggingMixin, hook)(PAYLOAD)

    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [(level, text)]


def test_a_delay_is_told_with_its_end(caplog: pytest.LogCaptureFixture) -> None:
    LoggingMixin.log_delayed(PAYLOAD, 2, ETA)

    assert caplog.records[0].getMessage() == (
        "CQRS is delayed: pk = 1 (item), correlation_id = abc, "
        "delay = 2 sec, eta = 2026-01-01 00:00:00+00:00."
    )
