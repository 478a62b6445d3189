"""Runs mypy once for each distribution: its Django plugin knows one set of settings at a time."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = (
    "local_stack",
    "shared/cqrs",
    "master_service",
    "replica_service",
    "notifier_service",
    "integration_tests",
    "interoperability",
    "demo",
)


def check(directory: Path) -> bool:
    """Check one distribution: as its own [tool.mypy] says, else as the repository's does."""
    print(f"=== mypy: {directory.relative_to(ROOT)}", flush=True)
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    own = "mypy" in tomllib.loads((directory / "pyproject.toml").read_text()).get("tool", {})
    arguments = [] if own else ["--config-file", str(ROOT / "pyproject.toml"), "."]
    if not own:
        environment.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments], cwd=directory, env=environment, check=False
    )
    return done.returncode == 0


def main() -> int:
    """Check all; exit code 1 if one has errors."""
    projects = [ROOT / name for name in DISTRIBUTIONS if (ROOT / name / "pyproject.toml").exists()]
    results = [check(directory) for directory in projects]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
