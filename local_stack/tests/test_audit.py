"""`make audit` is content only with what it could ask about."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

AUDIT = Path(__file__).resolve().parents[2] / "scripts" / "audit.py"

KNOWN = {"name": "django", "version": "5.2.1", "vulns": []}
UNKNOWN = {"name": "pika", "skip_reason": "Dependency not found"}
FLAWED = {
    "name": "amqp",
    "version": "1.0",
    "vulns": [{"id": "CVE-2026-1", "fix_versions": ["1.1"]}],
}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", AUDIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        (None, 2, "nothing was audited"),
        ([KNOWN], 0, "1 packages, no known vulnerability"),
        ([KNOWN, UNKNOWN], 2, "1 of 2 packages are not known"),
        ([KNOWN, FLAWED], 1, "amqp 1.0: CVE-2026-1, fixed in 1.1"),
        ([FLAWED, UNKNOWN], 1, "amqp 1.0: CVE-2026-1, fixed in 1.1"),
    ],
)
def test_what_could_not_be_asked_about_is_no_success(
    audit: ModuleType, packages: list[dict[str, Any]] | None, code: int, words: str
) -> None:
    found, lines = audit.verdict(packages)

    assert found == code
    assert words in lines[0]
