"""TLS towards the broker: ``CQRS['tls']``, or the query of the URL, as an SSL context.

The certificate of the broker is verified unless somebody says otherwise in so many words.
"""

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from dj_cqrs.exceptions import ConfigurationError

logger = logging.getLogger("django-cqrs")

#: Names in the query of a URL, as RabbitMQ's own clients have them, and the settings they are.
_OF_QUERY: Final[Mapping[str, str]] = {
    "cacertfile": "ca_file",
    "certfile": "cert_file",
    "keyfile": "key_file",
    "server_name_indication": "server_name",
    "verify": "verify",
}
#: Words of RabbitMQ for what is a bool in the settings.
_VERIFY: Final[Mapping[str, bool]] = {"verify_peer": True, "verify_none": False}
#: What OpenSSL says of an answer that is no TLS.
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSOptions:
    """How to recognise the broker, and how to be recognised by it.

    Attributes:
        ca_file: PEM file with the authorities that are trusted; None for those of the system.
        cert_file: PEM file with the client's certificate.
        key_file: PEM file with its key, where that is a file of its own.
        server_name: the name that the broker's certificate must have; None for the URL's host.
        verify: whether the broker's certificate is looked at.
    """

    ca_file: str | os.PathLike[str] | None = None
    cert_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    server_name: str | None = None
    verify: bool = True

    @classmethod
    def read(cls, settings: Any, query: Mapping[str, str]) -> Self:
        """Reads the options; what the query says wins.

        Raises:
            ConfigurationError: one is unknown, or of the wrong type.
        """
        if settings is not None and not isinstance(settings, Mapping):
            raise ConfigurationError("CQRS tls configuration must be dict.")
        options = dict(settings or {})
        known = [one.name for one in fields(cls)]
        for name, value in options.items():
            if name not in known:
                raise ConfigurationError(
                    f"CQRS tls has an unknown option {name!r}; known: {', '.join(known)}."
                )
            _check_type(name, value)
        return cls(**{**options, **_of_query(query)})

    def context(self) -> ssl.SSLContext:
        """Builds the context.

        Raises:
            ConfigurationError: a file is missing, or is not what it should be.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise _unreadable("ca_file", self.ca_file, error) from error
        if self.cert_file is not None:
            try:
                context.load_cert_chain(self.cert_file, self.key_file)
            except (OSError, ssl.SSLError) as error:
                what = f"{self.cert_file} (key_file: {self.key_file})"
                raise _unreadable("cert_file", what, error) from error
        if not self.verify:
            logger.warning("CQRS tls: the broker's certificate is not verified.")
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def is_option(name: str) -> bool:
    """Whether the query of a URL may set it."""
    return name in _OF_QUERY


def hint(error: BaseException) -> str:
    """What to do about an error of TLS; empty for any other."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _hint_on_certificate(error)
    # With TLS 1.3 a broker refuses us after the handshake, and pika has the error as text only.
    text = str(error)
    if "SSL" not in text:
        return ""
    # Whether its alert is read before our next bytes find the connection closed is a race.
    if "ALERT" in text or "EOF occurred" in text:
        return (
            "The broker refuses us; if it asks for a client certificate that it trusts, name it "
            "in CQRS['tls'] as cert_file and key_file (in the URL: certfile, keyfile)."
        )
    if any(reason in text for reason in _NO_TLS):
        return "Nobody speaks TLS there; brokers do on port 5671, as a rule."
    return ""


def _hint_on_certificate(error: ssl.SSLCertVerificationError) -> str:
    if "mismatch" in error.verify_message or "not valid for" in error.verify_message:
        return (
            "The certificate is for other names: use one of them as host, or set CQRS['tls'] "
            "server_name (in the URL: server_name_indication)."
        )
    if "expired" in error.verify_message:
        return "The broker needs a new certificate."
    return (
        "The certificate comes from nobody who is trusted here: name the authority's file in "
        "CQRS['tls'] as ca_file (in the URL: cacertfile)."
    )


def _of_query(query: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {_OF_QUERY[name]: value for name, value in query.items()}
    if "verify" in options:
        if options["verify"] not in _VERIFY:
            raise ConfigurationError(
                f"CQRS url option 'verify' must be one of {', '.join(_VERIFY)}, "
                f"not {options['verify']!r}."
            )
        options["verify"] = _VERIFY[options["verify"]]
    return options


def _check_type(name: str, value: Any) -> None:
    if name == "verify":
        if not isinstance(value, bool):
            raise ConfigurationError(f"CQRS tls {name} must be bool, not {value!r}.")
    elif value is not None and not (isinstance(value, (str, os.PathLike)) and str(value)):
        raise ConfigurationError(f"CQRS tls {name} must be a path or a name, not {value!r}.")


def _unreadable(name: str, what: object, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"CQRS tls {name} {what} cannot be used: {error}.")
