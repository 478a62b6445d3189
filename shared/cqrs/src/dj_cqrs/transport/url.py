"""Takes a broker's URL apart without ever showing the password in it."""

from urllib.parse import SplitResult, urlsplit

from dj_cqrs.exceptions import ConfigurationError


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
