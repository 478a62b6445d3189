"""``CQRS['health']``: mistakes are found at start."""

from typing import Any

import pytest

from dj_cqrs import conf
from dj_cqrs.checks import check_settings
from dj_cqrs.exceptions import ConfigurationError


def test_the_defaults_are_sound() -> None:
    health = conf.parse({}).health

    assert (health.backlog_seconds, health.stuck_seconds) == (300, 60)
    assert (health.relays, health.workers, health.dead_letters) == (1, 1, None)
    assert health.beat_seconds * 4 <= health.stuck_seconds


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("backlog_seconds", 0, "a positive number of seconds, or None"),
        ("backlog_seconds", "300", "a positive number of seconds, or None"),
        ("stuck_seconds", None, "a positive number of seconds"),
        ("stuck_seconds", float("inf"), "a positive number of seconds"),
        ("relays", -1, "a whole number that is not negative"),
        ("workers", True, "a whole number that is not negative"),
        ("dead_letters", 1.5, "a whole number that is not negative, or None"),
        ("directory", "", "the path of a directory"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(ConfigurationError, match=f"CQRS health {name} must be {wanted}"):
        conf.parse({"health": {name: value}})


def test_a_misspelt_key_is_found_by_the_system_checks(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "health": {"stuck": 5}}

    (error,) = check_settings()

    assert error.id == "dj_cqrs.E001"
    assert "unknown key 'stuck'; known: backlog_seconds, stuck_seconds" in error.msg
