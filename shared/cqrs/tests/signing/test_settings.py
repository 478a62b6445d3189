"""``CQRS['signing']``: mistakes are found at start, and none of them tells a key."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks
from pytest_django import Settings

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.signing import messages
from tests.signing.conftest import Sign
from tests.signing.keys import NEW, OLD

_SHORT = "too short a secret"


@pytest.mark.django_db(databases=["default", "second"])
@pytest.mark.parametrize(
    ("signing", "text"),
    [
        (OLD, "must be dict"),
        ({}, "at least one key"),
        ({"keys": {}}, "at least one key"),
        ({"keys": OLD}, "number 1 must be an id, a colon, and a key"),
        ({"keys": f"a:{OLD},"}, "number 2 must be an id"),
        ({"keys": f"{'k' * 40}:a"}, "key 'kkkkkkkkkkkkkkkk…' has 1 bytes"),
        ({"keys": {"a": OLD}, "key": ["a"]}, "['a'] is none of its keys: a"),
        ({"keys": f"a:{OLD},a:{NEW}"}, "there are two keys 'a'"),
        ({"keys": f"a:{_SHORT}"}, "has 18 bytes"),
        ({"keys": [OLD]}, "at least one key"),
        ({"keys": {"a": OLD}, "kei": "a"}, "unknown settings: kei"),
        ({"keys": {"a": _SHORT}}, "has 18 bytes; it needs at least 32"),
        ({"keys": {"a": b"k" * 40}}, "must be text or"),
        ({"keys": {"a": {"path": "/"}}}, "must be text or"),
        ({"keys": {"a": {"file": "/no/such/file"}}}, "/no/such/file: No such file"),
        ({"keys": {"a:b": OLD}}, "must be 1 to 64 letters"),
        ({"keys": {5: OLD}}, "must be 1 to 64 letters"),
        ({"keys": {"a": OLD, "b": NEW}}, "say by 'key' which one signs"),
        ({"keys": {"a": OLD}, "key": "b"}, "'b' is none of its keys: a"),
        ({"keys": {"a": OLD}, "required": "false"}, "required must be bool"),
    ],
)
def test_a_mistake_is_fatal_and_names_no_key(settings: Settings, signing: Any, text: str) -> None:
    settings.CQRS = {**settings.CQRS, "signing": signing}

    found = {message.id: message.msg for message in run_checks()}
    assert text in found["dj_cqrs.E008"]
    with pytest.raises(ConfigurationError) as raised:
        apps.get_app_config("dj_cqrs").ready()
    for secret in (OLD, NEW, _SHORT):
        assert secret not in str(raised.value)


def test_without_the_setting_there_are_no_keys(settings: Settings) -> None:
    assert messages.keys() is None
    settings.CQRS = {**settings.CQRS, "signing": None}
    assert messages.keys() is None


def test_a_single_key_signs_and_of_several_the_named_one(signing: Sign) -> None:
    signing()
    keys = messages.keys()
    assert keys is not None
    assert (keys.signing_id, keys.signing_key, keys.required) == ("old", OLD.encode(), False)

    signing({"old": OLD, "new": NEW}, key="new", required=True)
    keys = messages.keys()
    assert keys is not None
    assert (keys.signing_id, keys.signing_key, keys.required) == ("new", NEW.encode(), True)
    assert keys.find("old") == OLD.encode()


def test_keys_of_an_environment_variable_are_one_text_and_the_first_signs(
    settings: Settings,
) -> None:
    first, second = "k:" * 20, "l" * 32
    for key, signing_id in ((None, "new"), ("old", "old")):
        signing = {"keys": f"new:{first}, old:{second}", "key": key}
        settings.CQRS = {**settings.CQRS, "signing": signing}
        keys = messages.keys()
        assert keys is not None
        assert keys.signing_id == signing_id
        assert (keys.find("new"), keys.find("old")) == (first.encode(), second.encode())


def test_a_key_that_is_changed_within_the_settings_is_seen(signing: Sign, settings: Any) -> None:
    signing({"old": OLD})
    messages.keys()
    settings.CQRS["signing"]["keys"]["old"] = NEW
    keys = messages.keys()
    assert keys is not None
    assert keys.find("old") == NEW.encode()


def test_a_key_in_a_file_is_read_again_when_the_file_changes(
    signing: Sign, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{OLD}\n")
    signing({"old": {"file": str(file)}})
    keys = messages.keys()
    assert keys is not None
    assert keys.signing_key == OLD.encode()

    other = tmp_path / "other"
    other.write_text(f"  {NEW}\n")
    os.replace(other, file)  # noqa: PTH105  (what a mounted secret looks like when it changes)
    assert keys.signing_key == NEW.encode()

    with caplog.at_level(logging.ERROR, "django-cqrs"):
        file.write_text(_SHORT)
        assert [keys.signing_key, keys.signing_key] == [NEW.encode()] * 2
        file.unlink()
        assert keys.signing_key == NEW.encode()
    assert len(caplog.messages) == 1
    assert "the one read before is used on" in caplog.text
    assert _SHORT not in caplog.text
