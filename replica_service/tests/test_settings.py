"""The service starts with what it needs, and says what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
COMPLETE = {"SECRET_KEY": "x", "DATABASE_URL": "sqlite://:memory:"}


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
