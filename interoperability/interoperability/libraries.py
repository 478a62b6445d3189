"""The two libraries that are called `dj_cqrs`, each with the interpreter that finds it."""

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OTHER = ROOT / ".django-cqrs"
_SCRIPT = ROOT / "scripts" / "django-cqrs-venv"
_INSTALL_SECONDS = 170
_LOG_CHARACTERS = 600

_IDENTIFY = """
import dj_cqrs, importlib.metadata as metadata
print(metadata.version("{distribution}"), dj_cqrs.__file__)
"""


class LibraryMissingError(Exception):
    """Raised when django-cqrs is not here and cannot be installed."""


@dataclass(frozen=True, slots=True)
class Library:
    """One of the two, and what it is called where it is installed."""

    name: str
    python: Path

    def __str__(self) -> str:
        return self.name


OURS = Library("ours", Path(sys.executable))
DJANGO_CQRS = Library("django-cqrs", _OTHER / "bin" / "python")


@functools.cache
def installed_django_cqrs() -> str:
    """Install django-cqrs if that is needed.

    Returns:
        Its version, as its own interpreter tells it.

    Raises:
        LibraryMissingError: no package index answers; the message is the reason.
    """
    try:
        subprocess.run([_SCRIPT], check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()[-_LOG_CHARACTERS:]
        raise LibraryMissingError(f"{_SCRIPT.name} failed: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise LibraryMissingError(f"{_SCRIPT.name} took too long") from error
    version, file = _identify(DJANGO_CQRS, "django-cqrs")
    assert version.startswith("3.1."), f"this is django-cqrs {version}, not 3.1"
    assert file.is_relative_to(_OTHER), f"django-cqrs is mixed up with {file}"
    _, ours = _identify(OURS, "dj-cqrs")
    assert ours.is_relative_to(ROOT / "shared" / "cqrs"), f"our library is mixed up with {ours}"
    return version


def _identify(library: Library, distribution: str) -> tuple[str, Path]:
    done = subprocess.run(
        [library.python, "-c", _IDENTIFY.format(distribution=distribution)],
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        env={},
    )
    version, _, file = done.stdout.strip().partition(" ")
    return version, Path(file)
