"""Settings of the stack: the caller's environment, over `.env`, over defaults.

`.env` is made once, with random secrets, and read by Docker Compose as well.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import StackError

#: Every secret of the stack; URL-safe, so that it can stand in a connection URL as it is.
SECRETS = (
    "MASTER_SECRET_KEY",
    "REPLICA_SECRET_KEY",
    "API_TOKEN",
    "RABBITMQ_ADMIN_PASSWORD",
    "RABBITMQ_MASTER_PASSWORD",
    "RABBITMQ_REPLICA_PASSWORD",
    "RABBITMQ_NOTIFIER_PASSWORD",
    "MASTER_DB_PASSWORD",
    "REPLICA_DB_PASSWORD",
    "CQRS_SIGNING_KEYS",
)
#: What stands before a secret where it is a list of named ones.
_NAMES = {"CQRS_SIGNING_KEYS": "stack:"}
DEFAULTS = {"MASTER_PORT": "8000", "REPLICA_PORT": "8001", "CQRS_QUEUE": "storefront"}
_HEADER = "# Made by `make up`; what else can be set is in .env.example. Keep it to yourself.\n"


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables of the stack and the place of its files.

    Attributes:
        root: The checkout.
        variables: Everything that is set, by the caller, in `.env` or by default.
    """

    root: Path
    variables: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """Where the stack keeps its own files and the local stack its data."""
        return self.root / ".stack"

    def __getitem__(self, name: str) -> str:
        return self.variables[name]

    def get(self, name: str) -> str:
        """Value of a variable, "" where it is not set."""
        return self.variables.get(name, "")

    def port(self, name: str) -> int:
        """Number of a port variable.

        Raises:
            StackError: It is not a number.
        """
        try:
            return int(self.variables[name])
        except ValueError:
            raise StackError(f"{name}={self.variables[name]} is not a port number") from None


def load(root: Path) -> Environment:
    """Read the settings of the stack; completes `.env` with the secrets that it lacks."""
    path = root / ".env"
    from_file = read_dotenv(path)
    missing = [name for name in SECRETS if not (os.environ.get(name) or from_file.get(name))]
    if missing:
        made = {name: _NAMES.get(name, "") + secrets.token_urlsafe(32) for name in missing}
        _write(path, made)
        from_file |= made
        print(f"made {', '.join(made)} and kept them in .env")
    given = {name: value for name, value in os.environ.items() if value}
    return Environment(root, {**DEFAULTS, **from_file, **given})


def read_dotenv(path: Path) -> dict[str, str]:
    """Read NAME=value lines; empty values count as not set."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    values = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    return {name: value for name, value in values.items() if value}


def _write(path: Path, values: Mapping[str, str]) -> None:
    lines = (path.read_text() if path.exists() else _HEADER).splitlines()
    for name, value in values.items():
        if f"{name}=" in lines:  # of .env.example
            lines[lines.index(f"{name}=")] = f"{name}={value}"
        else:
            lines.append(f"{name}={value}")
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("\n".join(lines) + "\n")
