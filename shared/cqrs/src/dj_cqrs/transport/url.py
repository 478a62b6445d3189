"""The broker's URL and password, and how to take them apart without ever showing the password.

Both are read for every new connection: credentials that were rotated must not need a restart.
"""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError


def current() -> str | None:
    """``CQRS['url']`` as it is now; None if it is not set.

    Raises:
        ConfigurationError: it is a function, and fails or returns no text.
    """
    url = conf.config().url
    if url is None or isinstance(url, str):
        return url
    try:
        made: Any = url()
    except Exception as error:
        raise ConfigurationError(
            f"CQRS url: the function failed with {type(error).__name__}."
        ) from error
    if not isinstance(made, str) or not made:
        raise ConfigurationError("CQRS url: the function must return the URL as a string.")
    return made


def password_of_file(elsewhere: str | None) -> str | None:
    """The password that ``CQRS['password_file']`` holds now; None if there is no such setting.

    Args:
        elsewhere: the password that the URL or ``CQRS['password']`` names, if one does.

    Raises:
        ConfigurationError: the file cannot be read or is empty, or there is another password.
    """
    path = conf.config().raw.get("password_file")
    if path is None:
        return None
    if elsewhere is not None:
        raise ConfigurationError(
            "CQRS password_file is set, but there is a password in url or password too: "
            "remove one of them."
        )
    try:
        password = Path(path).read_text().rstrip("\r\n")
    except (OSError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"CQRS password_file {path!r} cannot be read: {type(error).__name__}."
        ) from error
    if not password:
        raise ConfigurationError(f"CQRS password_file {path!r} is empty.")
    return password


def split(url: str, *, example: str, encoded: str) -> SplitResult:
    """The parts of ``CQRS['url']``.

    Args:
        url: the setting.
        example: what it must look like.
        encoded: the parts whose special characters must be percent-encoded.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed, and refused, only when it is asked for
    except ValueError:
        # "from None": the error of the standard library quotes what may be the password.
        raise ConfigurationError(
            f"CQRS url cannot be read; it must look like {example}, and special characters in "
            f"{encoded} must be percent-encoded."
        ) from None
    return parts
