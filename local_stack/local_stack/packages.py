"""Installs a missing server from Debian's packages, where we may; says so.

The services that the packages bring are kept from starting: only private servers are wanted.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from local_stack.errors import ServerUnavailableError

T = TypeVar("T")

_APT_GET = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Color=0")
# Debian asks this program before a package starts its service; 101 means "forbidden".
_POLICY = Path("/usr/sbin/policy-rc.d")


def find_or_install(find: Callable[[], T | None], *, server: str, package: str) -> T:
    """Return what `find` finds, if need be after installing the Debian package.

    Raises:
        ServerUnavailableError: It is not there and cannot be installed by us.
    """
    found = find()
    if found is None and may_install():
        _say(f"{server} is missing: installing Debian's package {package} (its service stays off)")
        install(package)
        found = find()
    if found is None:
        raise ServerUnavailableError(
            f"{server} is not installed: install it (Debian, Ubuntu: apt-get install {package}), "
            "or run as root on Debian, or start a Docker engine to use containers"
        )
    return found


def offer(program: str, *, package: str) -> None:
    """Install a program that is good to have; does nothing where we may not."""
    if shutil.which(program) is None and may_install():
        _say(f"{program} is missing: installing Debian's package {package}")
        install(package)


def install(*names: str) -> None:
    """Install Debian packages without starting the services they bring."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_kept_off():
        for command in (("update",), ("install", "--no-install-recommends", *names)):
            done = subprocess.run(
                [*_APT_GET, *command],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode != 0 and command[0] == "install":
                raise ServerUnavailableError(f"apt-get {' '.join(command)}:\n{done.stdout}")


def may_install() -> bool:
    """Tell whether missing packages can be installed here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


@contextmanager
def _services_kept_off() -> Iterator[None]:
    if _POLICY.exists():  # somebody decides that already
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(_POLICY.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
