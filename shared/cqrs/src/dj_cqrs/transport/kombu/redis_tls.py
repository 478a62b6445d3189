"""TLS towards a Redis server: ``CQRS['tls']``, or Kombu's words in the query of the URL.

Neither Kombu nor every version of its client looks at the certificate of a server, and at the name
in it, unless it is told to; here both are always told.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.transport.tls import TLSOptions

_PREFIX: Final = "ssl_"
#: Kombu's words for options of ``CQRS['tls']``.
_FILES: Final[Mapping[str, str]] = {
    "ssl_ca_certs": "ca_file",
    "ssl_certfile": "cert_file",
    "ssl_keyfile": "key_file",
}
#: Kombu takes a word that it does not know for "none".
_CERT_REQS: Final[Mapping[str, ssl.VerifyMode]] = {
    **{mode.name: mode for mode in ssl.VerifyMode},
    **{mode.name.removeprefix("CERT_").lower(): mode for mode in ssl.VerifyMode},
}


def split_off(parts: SplitResult, settings: Any) -> tuple[SplitResult, dict[str, Any] | None]:
    """Takes what is about TLS out of a URL.

    Args:
        parts: the URL.
        settings: ``CQRS['tls']``; what the URL says wins.

    Returns:
        The URL without it, and what Kombu calls ``ssl``: None for a connection without TLS.

    Raises:
        ConfigurationError: an option is unknown or makes no sense, or a file cannot be used.
    """
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    of_tls = {name: value for name, value in query.items() if name.startswith(_PREFIX)}
    if parts.scheme != "rediss" and not of_tls:
        if settings is not None:
            # Whoever names a certificate believes that the connection is encrypted.
            raise ConfigurationError(
                "CQRS tls is set, but the url is redis: it must begin with rediss."
            )
        return parts, None
    rest = {name: value for name, value in query.items() if name not in of_tls}
    return parts._replace(query=urlencode(rest)), _arguments(settings, of_tls)


def _arguments(settings: Any, query: Mapping[str, str]) -> dict[str, Any]:
    options = TLSOptions.read(settings, {})
    if options.server_name is not None:
        raise ConfigurationError(
            "CQRS tls server_name is not possible with Redis: its client compares the "
            "certificate with the url's host."
        )
    verify_mode = ssl.CERT_REQUIRED if options.verify else ssl.CERT_NONE
    if "ssl_cert_reqs" in query:
        verify_mode = _verify_mode(query["ssl_cert_reqs"])
    files = {
        name: query.get(name) or _text(getattr(options, option)) for name, option in _FILES.items()
    }
    _check(files, verify_mode)
    # A name cannot be compared with a certificate that nobody looks at.
    asks_name = query.get("ssl_check_hostname", "true").lower() != "false"
    return {
        **query,
        **files,
        "ssl_cert_reqs": verify_mode,
        "ssl_check_hostname": asks_name and verify_mode is not ssl.CERT_NONE,
    }


def _verify_mode(word: str) -> ssl.VerifyMode:
    if word not in _CERT_REQS:
        raise ConfigurationError(
            f"CQRS url option 'ssl_cert_reqs' must be one of {', '.join(_CERT_REQS)}, "
            f"not {word!r}."
        )
    return _CERT_REQS[word]


def _check(files: Mapping[str, str | None], verify_mode: ssl.VerifyMode) -> None:
    """Reads the files now, so that a mistake is named when the service starts."""
    read = {option: files[name] for name, option in _FILES.items()}
    TLSOptions(**read, verify=verify_mode is not ssl.CERT_NONE).context()


def _text(path: Any) -> str | None:
    return None if path is None else str(path)
