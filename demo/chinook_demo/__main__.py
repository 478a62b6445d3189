"""`python -m chinook_demo`, called by make in the checkout."""

import os
import sys
import time
from pathlib import Path

from rich.console import Console

from chinook_demo.announcements import notifier_log
from chinook_demo.catalogue import read_catalogue
from chinook_demo.errors import DemoError
from chinook_demo.narrator import duration
from chinook_demo.settings import load_settings
from chinook_demo.shop import open_shop
from chinook_demo.story import tell


def main() -> int:
    """Runs the demo; exit code 1 for a difference, and for an error, which is one sentence."""
    started = time.monotonic()
    # Names of music are in every script; a terminal that lacks a letter shows a question mark.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    console = Console(highlight=False)
    try:
        settings = load_settings(Path.cwd(), os.environ)
        with open_shop(settings, notifier_log=notifier_log(settings, Path.cwd())) as shop:
            equal = tell(shop, console, read_catalogue())
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(f"the demo took {duration(time.monotonic() - started)}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
