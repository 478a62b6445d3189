"""The broker's URL and password, and how to take them apart without ever showing the password.

Both are read for every new connection: credentials that were rotated must not need a restart.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError

#: A comma may be part of a password; before a scheme it cannot be.
_SEPARATOR: Final = re.compile(r"\s*,\s*(?=[a-z]+://)")


def each(setting: Any) -> list[str]:
    """The URLs of ``CQRS['url']``, one for each node of a cluster.

    Args:
        setting: one, several with commas between them, or a list of them.

    Raises:
        ConfigurationError: it is none of these.
    """
    urls = _SEPARATOR.split(setting.strip()) if isinstance(setting, str) else setting
    is_list = isinstance(urls, (list, tuple)) and bool(urls)
    if not is_list or not all(isinstance(url, str) and url for url in urls):
        raise ConfigurationError(
            "CQRS url must be a URL, or a list of them for a cluster, or a function that "
            "returns one or the other."
        )
    if urls[-1].endswith(","):
        raise ConfigurationError("CQRS url ends with a comma: a URL is missing after it.")
    return list(urls)


def current() -> str | Sequence[str] | None:
    """``CQRS['url']`` as it is now, one or several; None if it is not set.

    Raises:
        ConfigurationError: it is a function, and fails or returns neither text nor a list.
    """
    url = conf.config().url
    if not callable(url):
        return url
    try:
        made: Any = url()
    except Exception as error:
        raise ConfigurationError(
            f"CQRS url: the function failed with {type(error).__name__}."
        ) from error
    if not isinstance(made, (str, list, tuple)) or not made:
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
