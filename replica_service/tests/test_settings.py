"""The service starts with what it needs, and says what is missing."""

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
COMPLETE = {"SECRET_KEY": "x", "DATABASE_URL": "sqlite://:memory:"}
PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(48),
    "DATABASE_URL": "postgres://replica@db.example.org/shop?sslmode=verify-full",
    "DATABASE_PASSWORD": secrets.token_urlsafe(),
    "CQRS_URL": "amqps://replica@mq.example.org/",
    "CQRS_PASSWORD": secrets.token_urlsafe(),
    "ALLOWED_HOSTS": "shop.example.org",
    "BEHIND_TLS": "true",
}


def run_manage(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_missing_variable_is_named(name: str) -> None:
    environment = {key: value for key, value in COMPLETE.items() if key != name}

    result = run_manage("check", environment=environment)

    assert result.returncode != 0
    assert f"Set the {name} environment variable" in result.stderr


def test_the_defaults_are_those_of_production() -> None:
    script = "from django.conf import settings as s; print(s.DEBUG, s.CQRS['queue'])"

    result = run_manage("shell", "--no-imports", "-c", script, environment=COMPLETE)

    assert result.stdout.strip() == "False storefront", result.stderr


def test_a_deployment_has_no_warnings() -> None:
    arguments = ("check", "--deploy", "--fail-level", "WARNING")

    result = run_manage(*arguments, environment=PRODUCTION)

    assert result.returncode == 0, result.stderr
    assert run_manage(*arguments, environment=COMPLETE).returncode != 0


def test_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    named = {
        name: value
        for name, value in PRODUCTION.items()
        if name.startswith(("SECRET", "DATABASE", "CQRS", "API"))
    }
    for name, value in named.items():
        (tmp_path / name).write_text(f"{value}\n")
    files = {f"{name}_FILE": str(tmp_path / name) for name in named}
    script = (
        "from django.conf import settings as s;"
        "print(s.SECRET_KEY, s.DATABASES['default']['PASSWORD'], s.CQRS['url'],"
        "s.CQRS['password_file'])"
    )

    result = run_manage("shell", "--no-imports", "-c", script, environment=files)

    assert result.stdout.split() == [
        PRODUCTION["SECRET_KEY"],
        PRODUCTION["DATABASE_PASSWORD"],
        "amqps://replica@mq.example.org/",
        files["CQRS_PASSWORD_FILE"],  # read for every connection
    ], result.stderr


def test_the_authority_of_the_broker_is_a_file(tmp_path: Path) -> None:
    environment = {**PRODUCTION, "CQRS_CA_FILE": str(tmp_path / "nothing.pem")}

    result = run_manage("check", environment=environment)

    assert result.returncode != 0
    assert "CQRS tls ca_file" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--fail-level", "WARNING"),
        ("makemigrations", "--check", "--dry-run"),
        ("spectacular", "--validate", "--fail-on-warn"),
    ],
)
def test_the_code_is_complete(arguments: tuple[str, ...]) -> None:
    result = run_manage(*arguments, environment=COMPLETE)

    assert result.returncode == 0, result.stdout + result.stderr
