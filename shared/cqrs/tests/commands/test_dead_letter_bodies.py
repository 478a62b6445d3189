"""How the body of a dead letter is renewed for its next journey, and printed."""

import json
from datetime import datetime

import pytest
from django.utils import timezone
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.management.dead_letters.letters import as_line, renewed
from tests.commands.letters import LONG_AGO


def test_a_renewed_body_keeps_all_digits() -> None:
    body = b'{"a": 0.1000000000000000000001, "retries": 3, "expires": null}'

    assert renewed(body) == b'{"a":0.1000000000000000000001,"retries":0,"expires":null}'


def test_an_expired_body_gets_the_masters_time_to_live(settings: Settings) -> None:
    settings.CQRS = {**settings.CQRS, "master": {"CQRS_MESSAGE_TTL": 3600}}

    expires = json.loads(renewed(wire.encode({"expires": LONG_AGO})))["expires"]

    lifetime = datetime.fromisoformat(expires) - timezone.now()
    assert 3590 < lifetime.total_seconds() <= 3600


@pytest.mark.parametrize(
    "body",
    [b'{"a": 1}', b'{ "retries": 0, "expires": null }', b"[1]", b"\xff", b"nonsense", b""],
)
def test_a_body_that_needs_no_renewal_stays_as_it_is(body: bytes) -> None:
    assert renewed(body) == body


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{"a": 1}', '{"a": 1}'),
        (b'{"a":\n 1.10}\n', '{"a":1.10}'),
        (b"two\r\nlines\n", "two\\r\\nlines\\n"),
        (b"\xff", "\\xff"),
        ("ä".encode(), "ä"),
    ],
)
def test_a_body_is_dumped_on_one_line(body: bytes, line: str) -> None:
    assert as_line(body) == line
