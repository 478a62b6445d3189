"""System checks find mistakes at start; fatal ones stop ``ready()`` too."""

from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.test import modify_settings

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import MasterRegistry

# Newer Djangos ask the databases of what they are capable.
pytestmark = pytest.mark.django_db(databases=["default", "second"])

_TRANSPORT = "dj_cqrs.transport.memory.MemoryTransport"


def _ids() -> set[str | None]:
    return {message.id for message in run_checks() if str(message.id).startswith("dj_cqrs")}


@pytest.mark.parametrize(
    ("cqrs", "check_id", "text"),
    [
        (None, "dj_cqrs.E001", "must be dict"),
        ("text", "dj_cqrs.E001", "must be dict"),
        ({"queue": "q", "max_body_bytes": "1 MiB"}, "dj_cqrs.E001", "must be a number of bytes"),
        ({"queue": "q", "max_body_bytes": 100}, "dj_cqrs.E001", "at least 1024, not 100"),
        ({"queue": "q", "max_body_bytes": None}, "dj_cqrs.E001", "must be a number of bytes"),
        ({"queue": "q"}, "dj_cqrs.E002", "CQRS transport is not set."),
        ({"transport": "no.such", "queue": "q"}, "dj_cqrs.E002", "cannot be imported"),
        ({"transport": "decimal.Decimal", "queue": "q"}, "dj_cqrs.E002", "must be inherited"),
        ({"transport": _TRANSPORT}, "dj_cqrs.E003", "CQRS queue is not set."),
        ({"transport": _TRANSPORT, "queue": 5}, "dj_cqrs.E003", "CQRS queue must be string."),
        (
            {"transport": _TRANSPORT, "queue": "q", "master": 5},
            "dj_cqrs.E001",
            "CQRS master configuration must be dict.",
        ),
        (
            {"transport": _TRANSPORT, "queue": "q", "master": {"CQRS_AUTO_UPDATE_FIELDS": 1}},
            "dj_cqrs.E004",
            "CQRS master CQRS_AUTO_UPDATE_FIELDS must be bool.",
        ),
        (
            {"transport": _TRANSPORT, "queue": "q", "master": {"correlation_function": 1}},
            "dj_cqrs.E004",
            "CQRS master correlation_function must be callable.",
        ),
        (
            {"transport": _TRANSPORT, "queue": "q", "master": {"meta_function": "no.such"}},
            "dj_cqrs.E001",
            "CQRS master meta_function import error.",
        ),
        (
            {"transport": _TRANSPORT, "queue": "q", "master": {"meta_function": lambda obj: {}}},
            "dj_cqrs.E004",
            "CQRS master meta_function must support \\*\\*kwargs.",
        ),
        (
            {"transport": _TRANSPORT, "queue": "q", "replica": {"tombstone_ttl": 3600}},
            "dj_cqrs.E020",
            "must be longer than dead_message_ttl",
        ),
    ],
)
def test_fatal_mistakes_are_checked_and_raised(
    settings: Any, cqrs: Any, check_id: str, text: str
) -> None:
    settings.CQRS = cqrs

    assert check_id in _ids()
    with pytest.raises(ConfigurationError, match=text):
        apps.get_app_config("dj_cqrs").ready()


def test_a_serializer_that_cannot_be_imported_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MasterRegistry.models["note"], "CQRS_SERIALIZER", "no.such.Serializer")
    assert "dj_cqrs.E005" in _ids()


def test_replica_models_without_an_inbox_are_fatal() -> None:
    without = modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.inbox"]})
    with pytest.raises(ConfigurationError, match="need the inbox"):
        without.enable()


def test_master_models_without_an_outbox_are_warned_of() -> None:
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}):
        assert "dj_cqrs.W001" in _ids()


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("master", "CQRS_MESSAGE_TTL", 0),
        ("replica", "CQRS_MAX_RETRIES", -1),
        ("replica", "CQRS_RETRY_DELAY", None),
        ("replica", "batch_size", "many"),
    ],
)
def test_numbers_that_make_no_sense_are_warned_of(
    settings: Any, section: str, key: str, value: Any
) -> None:
    settings.CQRS = {**settings.CQRS, section: {key: value}}
    assert "dj_cqrs.W002" in _ids()


def test_what_is_ignored_is_logged_at_start_too(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_MAX_RETRIES": -1}}
    apps.get_app_config("dj_cqrs").ready()

    assert caplog.messages == ["Replica setting CQRS_MAX_RETRIES=-1 is invalid, using default 30."]


def test_a_prefetch_count_is_warned_of_where_it_means_nothing(settings: Any) -> None:
    cqrs = {**settings.CQRS, "consumer_prefetch_count": 5}
    settings.CQRS = cqrs
    assert "dj_cqrs.W008" not in _ids()

    settings.CQRS = {**cqrs, "transport": "dj_cqrs.transport.RabbitMQTransport"}
    assert "dj_cqrs.W008" in _ids()


def test_nothing_is_written_into_the_settings(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "master": {}, "replica": {}}
    apps.get_app_config("dj_cqrs").ready()

    assert (settings.CQRS["master"], settings.CQRS["replica"]) == ({}, {})


def test_constraints_on_replicas_are_warned_of() -> None:
    assert {"dj_cqrs.W005", "dj_cqrs.W006"} <= _ids()


def test_a_path_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MasterRegistry.models["book"], "CQRS_RELATED", ("author__colour",))
    with pytest.raises(ConfigurationError, match="leads nowhere at 'colour'"):
        apps.get_app_config("dj_cqrs").ready()


def test_a_path_over_a_reverse_relation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MasterRegistry.models["author"], "CQRS_RELATED", ("books",))
    with pytest.raises(ConfigurationError, match="leads nowhere at 'books'"):
        apps.get_app_config("dj_cqrs").ready()


def test_an_embedded_row_that_is_no_master_is_warned_of() -> None:
    assert "dj_cqrs.W007" in _ids()
