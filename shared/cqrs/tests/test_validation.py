"""``validate_settings``: the contract's words, and the defaults that it fills in."""

import os.path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import modify_settings

from dj_cqrs._validation import validate_settings
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry

_BASE = {"transport": "dj_cqrs.transport.memory.MemoryTransport", "queue": "q"}


def _meta(**kwargs: Any) -> dict[str, Any]:
    return kwargs


def _validated(**cqrs: Any) -> dict[str, Any]:
    filled = {**_BASE, **cqrs}
    validate_settings(SimpleNamespace(CQRS=filled))
    return filled


def test_defaults_are_filled_in_where_somebody_asks_for_it() -> None:
    settings = _validated(master={"meta_function": f"{__name__}._meta"})

    assert settings["master"] == {
        "CQRS_AUTO_UPDATE_FIELDS": False,
        "CQRS_MESSAGE_TTL": None,
        "correlation_function": None,
        "meta_function": _meta,
    }
    assert settings["replica"] == {
        "CQRS_MAX_RETRIES": 30,
        "CQRS_RETRY_DELAY": 2,
        "delay_queue_max_size": 1000,
    }


def test_without_an_outbox_messages_live_for_a_day(settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "dj_cqrs.outbox"]

    assert _validated()["master"]["CQRS_MESSAGE_TTL"] == 86_400


@pytest.mark.parametrize(
    ("cqrs", "problem"),
    [
        ({"transport": None}, "CQRS transport is not set."),
        (
            {"transport": "decimal.Decimal"},
            "CQRS transport must be inherited from `dj_cqrs.transport.BaseTransport`.",
        ),
        ({"queue": ""}, "CQRS queue is not set."),
        ({"queue": 1}, "CQRS queue must be string."),
        ({"master": None}, "CQRS master configuration must be dict."),
        ({"replica": []}, "CQRS replica configuration must be dict."),
        (
            {"master": {"CQRS_AUTO_UPDATE_FIELDS": "yes"}},
            "CQRS master CQRS_AUTO_UPDATE_FIELDS must be bool.",
        ),
        (
            {"master": {"correlation_function": 1}},
            "CQRS master correlation_function must be callable.",
        ),
        ({"master": {"meta_function": "a.b"}}, "CQRS master meta_function import error."),
        ({"master": {"meta_function": 1}}, "CQRS master meta_function must be function."),
        ({"master": {"meta_function": print}}, "CQRS master meta_function must be function."),
        (
            {"master": {"meta_function": os.path.dirname}},
            "CQRS master meta_function must support **kwargs.",
        ),
        (
            {"replica": {"tombstone_ttl": 864_000}},
            (
                "CQRS replica tombstone_ttl (864000 s) must be longer than dead_message_ttl "
                "(864000 s): a letter that is retried after the deletion of its row was forgotten "
                "would bring the row back. Raise the one or lower the other."
            ),
        ),
    ],
)
def test_mistakes_are_raised_in_the_words_of_the_contract(cqrs: Any, problem: str) -> None:
    with pytest.raises(AssertionError) as error:
        _validated(**cqrs)

    assert str(error.value) == problem
    assert isinstance(error.value, ConfigurationError)


@pytest.mark.parametrize(
    "replica",
    [
        {"tombstone_ttl": 864_001},
        {"tombstone_ttl": 60, "dead_message_ttl": 59},
        {"tombstone_ttl": 60, "dead_message_ttl": None},
    ],
)
def test_tombstones_that_outlive_the_dead_letters_are_fine(replica: dict[str, Any]) -> None:
    assert _validated(replica=replica)


def test_without_an_inbox_there_are_no_tombstones_to_outlive_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReplicaRegistry, "models", {})
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.inbox"]}):
        assert _validated(replica={"tombstone_ttl": 60})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (SimpleNamespace(), "CQRS configuration must be set in Django project settings."),
        (SimpleNamespace(CQRS=5), "CQRS configuration must be dict."),
        (SimpleNamespace(CQRS=None), "CQRS configuration must be dict."),
    ],
)
def test_a_missing_configuration_is_named(settings: Any, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        validate_settings(settings)


def test_a_transport_that_is_not_there_is_an_import_error_too() -> None:
    with pytest.raises(ImportError, match=r"no\.such"):
        _validated(transport="no.such")


@pytest.mark.parametrize(
    ("section", "key", "value", "warning"),
    [
        ("replica", "CQRS_MAX_RETRIES", -1, "Replica setting CQRS_MAX_RETRIES=-1"),
        ("replica", "CQRS_RETRY_DELAY", None, "Replica setting CQRS_RETRY_DELAY=None"),
        ("replica", "delay_queue_max_size", 0, "Settings delay_queue_max_size=0"),
        ("master", "CQRS_MESSAGE_TTL", "x", "Settings CQRS_MESSAGE_TTL=x"),
    ],
)
def test_numbers_that_make_no_sense_are_replaced_with_a_warning(
    section: str, key: str, value: Any, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    default = _validated()[section][key]

    assert _validated(**{section: {key: value}})[section][key] == default
    assert caplog.messages == [f"{warning} is invalid, using default {default}."]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("replica", "CQRS_MAX_RETRIES"),
        ("replica", "delay_queue_max_size"),
        ("master", "CQRS_MESSAGE_TTL"),
    ],
)
def test_some_numbers_may_be_infinite(
    section: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert _validated(**{section: {key: None}})[section][key] is None
    assert caplog.messages == []


def test_rabbitmqs_workers_need_no_prefetch_count(caplog: pytest.LogCaptureFixture) -> None:
    _validated(transport="dj_cqrs.transport.RabbitMQTransport", consumer_prefetch_count=5)

    assert caplog.messages == [
        "The 'consumer_prefetch_count' setting is ignored for RabbitMQTransport."
    ]


def test_a_service_without_models_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SimpleNamespace(CQRS={"transport": "nowhere.Transport"})
    with pytest.raises(ConfigurationError):
        validate_settings(settings)

    for registry in (MasterRegistry, ReplicaRegistry):
        monkeypatch.setattr(registry, "models", {})
    validate_settings(settings)
    validate_settings(SimpleNamespace())

    assert settings.CQRS == {"transport": "nowhere.Transport"}
