"""Services do not import each other: what each has as a copy of its own stays the same in all."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("environment.py", 3),
        ("headers.py", 2),
        ("error_reports.py", 2),
        ("rates.py", 2),
    ],
)
def test_copies_are_equal(name: str, services: int) -> None:
    copies = list(ROOT.glob(f"*_service/*_service/{name}"))

    assert len(copies) == services
    assert len({path.read_text() for path in copies}) == 1
