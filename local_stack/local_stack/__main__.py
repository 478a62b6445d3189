"""`python -m local_stack up|down|status|logs|clean|secrets`, called by make in the checkout."""

import argparse
import sys
from pathlib import Path

from local_stack.errors import StackError
from local_stack.stack import commands, secret_files

_COMMANDS = {
    "up": commands.up,
    "down": commands.down,
    "status": commands.status,
    "logs": commands.logs,
    "clean": commands.clean,
    "secrets": secret_files.write,
}


def main() -> int:
    """Run one command; errors that we expect are one sentence, not a traceback."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    command = _COMMANDS[parser.parse_args().command]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        command(Path.cwd())
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
