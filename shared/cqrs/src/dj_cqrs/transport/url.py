"""Takes a broker's URL apart without ever showing the password in it."""

import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

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
        raise ConfigurationError("CQRS url must be a URL, or a list of them for a cluster.")
    if urls[-1].endswith(","):
        raise ConfigurationError("CQRS url ends with a comma: a URL is missing after it.")
    return list(urls)


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
