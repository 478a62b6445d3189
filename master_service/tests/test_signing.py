"""Messages of this service are signed with the keys of its environment."""

import subprocess
import sys
from pathlib import Path

SERVICE = Path(__file__).resolve().parent.parent
COMPLETE: dict[str, str] = {"SECRET_KEY": "x", "DATABASE_URL": "sqlite://:memory:"}
KEYS = f"new:{'n' * 32},old:{'o' * 32}"


def told_about_keys(**variables: str) -> str:
    """What the service says of its keys when it starts, or why it does not start."""
    script = (
        "import django;django.setup();from dj_cqrs.signing.messages import keys;found = keys();"
        "print(found and f'{found.signing_id} {list(found.sources)} {found.required}')"
    )
    settings = "master_service.settings"
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**COMPLETE, "DJANGO_SETTINGS_MODULE": settings, **variables},
        cwd=SERVICE,
        check=False,
    )
    return (result.stdout or result.stderr).strip().splitlines()[-1]


def test_without_keys_nothing_is_signed() -> None:
    assert told_about_keys() == "None"
    assert told_about_keys(CQRS_SIGNING_KEYS="") == "None"


def test_the_first_key_signs_and_all_are_known() -> None:
    assert told_about_keys(CQRS_SIGNING_KEYS=KEYS) == "new ['new', 'old'] False"


def test_a_key_that_is_too_short_is_named_at_start_but_not_shown() -> None:
    told = told_about_keys(CQRS_SIGNING_KEYS="new:letmein")
    assert "key 'new' has 7 bytes; it needs at least 32" in told
    assert "letmein" not in told
