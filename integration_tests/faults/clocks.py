"""Clocks that are wrong: what a process is started with, so that its time of day is another one.

Only the time of day is shifted. Waiting is measured by a clock that no administrator sets.
"""

from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent / "shifted_clock"
_VARIABLE = "SHIFTED_CLOCK_SECONDS"


def shifted(seconds: int) -> Mapping[str, str]:
    """Variables of a process whose clock goes wrong by so many seconds, its children's as well."""
    return {"PYTHONPATH": str(_HERE), _VARIABLE: str(seconds)}
