"""Secrets are made once, kept private, and everything can be overridden."""

from pathlib import Path

import pytest

from local_stack.errors import StackError
from local_stack.stack import environment
from local_stack.stack.services import SERVICES

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*environment.SECRETS, *environment.DEFAULTS):
        monkeypatch.delenv(name, raising=False)


def test_secrets_are_random_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    settings = environment.load(tmp_path)

    assert len({settings[name] for name in environment.SECRETS}) == len(environment.SECRETS)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_messages_of_the_stack_are_signed_with_a_key_of_its_own(tmp_path: Path) -> None:
    settings = environment.load(tmp_path)

    for service in SERVICES:
        variables = service.environment(settings, broker_port=5672)
        key_id, _, key = variables["CQRS_SIGNING_KEYS"].partition(":")
        assert (key_id, variables["CQRS_SIGNING_REQUIRED"]) == ("stack", "true")
        assert len(key) >= 32


def test_a_second_start_keeps_the_secrets(tmp_path: Path) -> None:
    first = environment.load(tmp_path)
    text = (tmp_path / ".env").read_text()

    assert environment.load(tmp_path) == first
    assert (tmp_path / ".env").read_text() == text


def test_the_example_is_completed_and_what_was_set_in_it_is_kept(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("#MASTER_PORT=8000", "MASTER_PORT=9000")
    (tmp_path / ".env").write_text(text)

    settings = environment.load(tmp_path)

    lines = (tmp_path / ".env").read_text().splitlines()
    assert [line for line in lines if line.startswith("API_TOKEN=")] == [
        f"API_TOKEN={settings['API_TOKEN']}"
    ]
    assert settings.port("MASTER_PORT") == 9000
    assert all(f"\n{name}=\n" in text for name in environment.SECRETS)


def test_the_callers_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MASTER_PORT=9000\n")
    monkeypatch.setenv("MASTER_PORT", "9001")

    assert environment.load(tmp_path).port("MASTER_PORT") == 9001


def test_a_port_that_is_no_number_is_named(tmp_path: Path) -> None:
    settings = environment.Environment(tmp_path, {"MASTER_PORT": "eighty"})

    with pytest.raises(StackError, match="MASTER_PORT=eighty"):
        settings.port("MASTER_PORT")
