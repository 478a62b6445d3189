"""Where the stack is and which token it takes: as `make up` left it, or the environment says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chinook_demo.errors import StackUnavailableError
from local_stack.stack.environment import DEFAULTS, read_dotenv


@dataclass(frozen=True, slots=True)
class Settings:
    """What the demo must know of the stack."""

    master_url: str
    replica_url: str
    api_token: str
    #: Whether it is the stack of this checkout, and not one that a URL points to.
    is_local: bool = True


def load_settings(root: Path, environ: Mapping[str, str]) -> Settings:
    """Reads the settings: the environment over `.env` over the defaults of the stack.

    Args:
        root: The checkout, where `make up` keeps its `.env`.
        environ: ``MASTER_URL``, ``REPLICA_URL`` and ``API_TOKEN`` point to any other stack.

    Raises:
        StackUnavailableError: There is no token: no stack was ever started here.
    """
    given = {name: value for name, value in environ.items() if value}
    variables = {**DEFAULTS, **read_dotenv(root / ".env"), **given}
    # Several tokens are a rotation: any of them is taken.
    token = variables.get("API_TOKEN", "").split(",")[0].strip()
    if not token:
        raise StackUnavailableError(
            "API_TOKEN is neither set nor in .env, so no stack was started here: run make up first"
        )
    return Settings(
        master_url=_url(variables, "MASTER"),
        replica_url=_url(variables, "REPLICA"),
        api_token=token,
        is_local="MASTER_URL" not in variables,
    )


def _url(variables: Mapping[str, str], service: str) -> str:
    local = f"http://127.0.0.1:{variables[f'{service}_PORT']}"
    return variables.get(f"{service}_URL", local).rstrip("/")
