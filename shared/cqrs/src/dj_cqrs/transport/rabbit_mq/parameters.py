"""``settings.CQRS`` as pika's connection parameters."""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pika
from django.conf import settings

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError

#: Seconds without a sign of life after which either side gives a connection up.
DEFAULT_HEARTBEAT: Final = 60
#: Seconds for which the broker may block a publisher (memory or disk alarm).
DEFAULT_BLOCKED_CONNECTION_TIMEOUT: Final = 10.0
#: Seconds to connect one address (TCP).
DEFAULT_SOCKET_TIMEOUT: Final = 5.0
#: Seconds until the broker must have accepted the connection (TCP and AMQP).
DEFAULT_STACK_TIMEOUT: Final = 10.0

#: What the query of the URL may set, and how it is read.
_OPTIONS: Final[Mapping[str, Callable[[str], float]]] = {
    "heartbeat": int,
    "blocked_connection_timeout": float,
    "socket_timeout": float,
    "stack_timeout": float,
}
_DEFAULTS: Final[Mapping[str, float]] = {
    "heartbeat": DEFAULT_HEARTBEAT,
    "blocked_connection_timeout": DEFAULT_BLOCKED_CONNECTION_TIMEOUT,
    "socket_timeout": DEFAULT_SOCKET_TIMEOUT,
    "stack_timeout": DEFAULT_STACK_TIMEOUT,
}


def connection_parameters(role: str) -> pika.ConnectionParameters:
    """Reads where the broker is, and how to talk to it, from ``settings.CQRS``.

    ``url`` wins over the older ``host``, ``port``, ``user`` and ``password``. Times are set by
    the URL's query, or else by keys of the same names.

    Args:
        role: what the connection is for; the broker shows it in its list of connections.

    Raises:
        ConfigurationError: the URL or a time makes no sense. The text never shows the password.
    """
    config = conf.config()
    address = _from_url(config.url) if config.url else _from_parts(config.raw)
    options = {**_DEFAULTS, **_options_of_settings(config.raw), **address.pop("options", {})}
    return pika.ConnectionParameters(
        **address,
        **options,
        client_properties={"connection_name": _connection_name(role, config.queue)},
    )


def _from_parts(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "host": raw.get("host", "localhost"),
        "port": raw.get("port", 5672),
        "credentials": pika.PlainCredentials(
            raw.get("user", "guest"), raw.get("password", "guest")
        ),
    }


def _from_url(url: str) -> dict[str, Any]:
    parts = _split(url)
    if parts.scheme != "amqp":
        # Nothing but the scheme is repeated: the rest may hold a password.
        raise ConfigurationError(
            f'CQRS url has the scheme "{parts.scheme}": '
            'Scheme must be "amqp" for RabbitMQTransport.'
        )
    return {
        "host": parts.hostname or "localhost",
        "port": parts.port or 5672,
        "virtual_host": _virtual_host(parts.path),
        "credentials": pika.PlainCredentials(
            unquote(parts.username) if parts.username is not None else "guest",
            unquote(parts.password) if parts.password is not None else "guest",
        ),
        "options": _options_of_query(parts.query),
    }


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed, and refused, only when it is asked for
    except ValueError:
        # "from None": the error of the standard library quotes what may be the password.
        raise ConfigurationError(
            "CQRS url cannot be read; it must look like amqp://user:password@host:5672/vhost, "
            "and special characters in user, password and vhost must be percent-encoded."
        ) from None
    return parts


def _virtual_host(path: str) -> str:
    name = path.removeprefix("/")
    if "/" in name:
        raise ConfigurationError("CQRS url: a slash in the vhost must be written as %2F.")
    return unquote(name) or "/"


def _options_of_query(query: str) -> dict[str, float]:
    options = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise ConfigurationError(f"CQRS url has an unknown option {name!r}; known: {known}.")
        options[name] = _seconds(f"CQRS url option {name!r}", name, value)
    return options


def _options_of_settings(raw: Mapping[str, Any]) -> dict[str, float]:
    return {name: _seconds(f"CQRS {name}", name, raw[name]) for name in _OPTIONS if name in raw}


def _seconds(what: str, name: str, value: Any) -> float:
    try:
        seconds = _OPTIONS[name](value)
    except (TypeError, ValueError):
        seconds = -1
    if not 0 <= seconds < float("inf") or (seconds == 0 and name != "heartbeat"):
        raise ConfigurationError(f"{what} must be a number of seconds, not {value!r}.")
    return seconds


def _connection_name(role: str, queue: str | None) -> str:
    module = getattr(settings, "SETTINGS_MODULE", None) or queue or "dj_cqrs"
    service = str(module).split(".", maxsplit=1)[0]
    return f"{service} {role} (pid {os.getpid()} on {socket.gethostname()})"
