"""Clocks that are wrong: libfaketime, which a process is started with."""

from collections.abc import Mapping
from pathlib import Path

from local_stack import packages


def find() -> Path | None:
    """Find the library, or None."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


def install() -> Path:
    """Find the library; installs the Debian package first where that can be done."""
    return packages.find_or_install(find, server="libfaketime", package="faketime")


def shifted(library: Path, seconds: int) -> Mapping[str, str]:
    """Variables of a process whose clock goes wrong by so many seconds."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+d}",
        # Waiting is measured by this clock, which no administrator sets.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
