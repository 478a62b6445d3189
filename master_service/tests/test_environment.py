"""Secrets come from variables or from files, never from both, and mistakes are told plainly."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from master_service.environment import required, with_password, with_secret_files
from master_service.rates import rate
from master_service.token_hashes import token_hashes


def test_a_secret_comes_from_the_file_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(" a key \n")

    completed = with_secret_files({"KEY_FILE": str(path), "OTHER": "x"}, ["KEY"])

    assert completed == {"KEY": " a key ", "KEY_FILE": str(path), "OTHER": "x"}


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    variables = {"LOG_FILE": str(tmp_path / "nothing.log")}

    assert with_secret_files(variables, ["KEY"]) == variables


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"KEY_FILE=.*key cannot be read: No such file or directory"),
        (b"", r"KEY_FILE=.*key is empty: it must hold KEY"),
        (b"\n", r"KEY_FILE=.*key is empty: it must hold KEY"),
        (b"\xff\xfesecret", r"KEY_FILE=.*key cannot be read: it is no text in UTF-8\.$"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ImproperlyConfigured, match=message):
        with_secret_files({"KEY_FILE": str(path)}, ["KEY"])


def test_a_secret_that_is_given_twice_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("one")

    with pytest.raises(ImproperlyConfigured, match="KEY and KEY_FILE are both set: remove one"):
        with_secret_files({"KEY": "two", "KEY_FILE": str(path)}, ["KEY"])


@pytest.mark.parametrize(
    ("url", "password", "completed"),
    [
        ("amqp://user@mq:5672/v", "p@ss/word:é", "amqp://user:p%40ss%2Fword%3A%C3%A9@mq:5672/v"),
        ("postgres://a%40b@db/x?sslmode=verify-full", "p", "postgres://a%40b:p@db/x?sslmode=verify-full"),
        ("amqp://user:in-the-url@mq/", "", "amqp://user:in-the-url@mq/"),
        ("amqp://u@one/,amqp://u@two/", "p,q", "amqp://u:p%2Cq@one/,amqp://u:p%2Cq@two/"),
        ("postgres://u@one,two/x", "p", "postgres://u:p@one,two/x"),
        ("sqlite://:memory:", "", "sqlite://:memory:"),
    ],
)  # fmt: skip
def test_a_password_is_put_into_the_url(url: str, password: str, completed: str) -> None:
    assert with_password({"URL": url, "PASSWORD": password}, "URL", "PASSWORD") == completed


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "PASSWORD is set, but URL names no user"),
        ("amqp://mq/", "PASSWORD is set, but URL names no user"),
        ("amqp://user:other@mq/", "URL has a password too: remove it"),
        ("amqp://user:@mq/", "URL has a password too: remove it"),
    ],
)
def test_a_password_that_belongs_nowhere_is_a_mistake(url: str, message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message) as caught:
        with_password({"URL": url, "PASSWORD": "secret"}, "URL", "PASSWORD")

    assert "secret" not in str(caught.value)


def test_a_secret_is_taken_as_it_is() -> None:
    assert required({"KEY": "$OTHER", "OTHER": "x"}, "KEY") == "$OTHER"
    with pytest.raises(
        ImproperlyConfigured, match="Set the KEY environment variable, or KEY_FILE"
    ):
        required({"KEY": ""}, "KEY")


def test_hashes_are_separated_by_commas_or_lines() -> None:
    assert token_hashes(f"{'A' * 64},\n{'b' * 64}\n") == ["a" * 64, "b" * 64]
    assert token_hashes("") == []


@pytest.mark.parametrize("value", ["a-token", "a" * 63, "g" * 64, "a" * 65])
def test_what_is_no_hash_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="number 2 is no SHA-256") as e:
        token_hashes(f"{'a' * 64},{value}")

    assert value not in str(e.value)


def test_a_rate_is_a_number_and_a_time() -> None:
    assert rate("THROTTLE", "100/second") == "100/second"
    assert rate("THROTTLE", "") is None


@pytest.mark.parametrize("value", ["100", "0/second", "x/second", "5/fortnight", "-1/hour"])
def test_what_is_no_rate_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f'THROTTLE is "{value}": it must be a number'):
        rate("THROTTLE", value)
