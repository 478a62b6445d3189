"""``settings.CQRS`` is read when it is needed, and parsed only when it has changed."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from dj_cqrs import conf
from dj_cqrs.registries import ReplicaRegistry


def test_what_has_not_changed_is_parsed_once() -> None:
    assert conf.config() is conf.config()


def test_an_overridden_setting_counts_at_once_and_no_longer() -> None:
    before = conf.config()
    with override_settings(CQRS={**django_settings.CQRS, "queue": "other"}):
        assert conf.config().queue == "other"
    assert conf.config() == before


def test_a_change_within_the_dict_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    cqrs: dict[str, Any] = django_settings.CQRS
    assert conf.config().replica.max_retries == 3

    monkeypatch.setitem(cqrs["replica"], "CQRS_MAX_RETRIES", 8)
    assert conf.config().replica.max_retries == 8

    monkeypatch.setitem(cqrs, "replica", {})
    assert conf.config().replica.max_retries == 30


def test_defaults_follow_the_installed_apps(settings: Any) -> None:
    assert conf.config().master.message_ttl_seconds is None

    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "dj_cqrs.outbox"]

    assert conf.config().master.message_ttl_seconds == 86_400


def test_query_timeouts_are_off_unless_they_are_set(settings: Any) -> None:
    replica = conf.config().replica
    assert (replica.query_timeout_ms, replica.log_timed_out_queries) == (0, False)
    assert replica.query_logger == "django-cqrs"

    settings.CQRS = {
        **settings.CQRS,
        "replica": {
            "CQRS_QUERY_TIMEOUT": 1000,
            "CQRS_LOG_TIMED_OUT_QUERIES": True,
            "CQRS_QUERY_LOGGER": "slow",
        },
    }
    replica = conf.config().replica
    assert (replica.query_timeout_ms, replica.log_timed_out_queries) == (1000, True)
    assert replica.query_logger == "slow"


def test_without_an_inbox_a_worker_fetches_little_at_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert conf.config().replica.batch_size == 500
    monkeypatch.setattr(ReplicaRegistry, "models", {})  # database models need the inbox

    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "dj_cqrs.inbox"]

    assert conf.config().replica.batch_size == 10
