"""Asks the public list of advisories about every pinned package: `make audit`.

pip-audit says that all is well of packages that it could not ask about. Here that is a failure,
so that a machine without the internet is not taken for one without vulnerabilities.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "interoperability/django-cqrs.txt")

CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2


def report_on(requirements: str) -> list[dict[str, Any]] | None:
    """What pip-audit knows of each package; None if it could not ask."""
    # Pinned completely: nothing has to be resolved, and no package is fetched.
    words = ["--requirement", requirements, "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:]
        print(*last, file=sys.stderr)
        return None
    return packages


def verdict(packages: Sequence[dict[str, Any]] | None) -> tuple[int, list[str]]:
    """Exit code, and lines for people."""
    if packages is None:
        return UNKNOWN, ["the advisory service cannot be reached from here: nothing was audited"]
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        f"fixed in {', '.join(flaw['fix_versions']) or 'no version so far'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    unasked = [package["name"] for package in packages if "skip_reason" in package]
    if unasked:
        found.append(
            f"{len(unasked)} of {len(packages)} packages are not known to the advisory service "
            f"that answers here, so they were not audited: {', '.join(unasked[:5])} ..."
        )
    if not found:
        return CLEAN, [f"{len(packages)} packages, no known vulnerability"]
    return (VULNERABLE if len(found) > bool(unasked) else UNKNOWN), found


def main() -> int:
    """Audit each file; the worst answer counts, and a vulnerability is the worst."""
    codes = set()
    for requirements in REQUIREMENTS:
        code, lines = verdict(report_on(requirements))
        print(f"{requirements}:", *lines, sep="\n  ")
        codes.add(code)
    return next(code for code in (VULNERABLE, UNKNOWN, CLEAN) if code in codes)


if __name__ == "__main__":
    sys.exit(main())
