"""``settings.CQRS`` as pika's connection parameters."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote

import pika
from django.conf import settings

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.transport import tls
from dj_cqrs.transport.url import current, each, password_of_file, split

PORT: Final = 5672
TLS_PORT: Final = 5671

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


def connection_parameters(role: str) -> list[pika.ConnectionParameters]:
    """Reads where the broker's nodes are, and how to talk to them, from ``settings.CQRS``.

    ``url`` wins over the older ``host``, ``port``, ``user`` and ``password``. Times are set by
    the URL's query, or else by keys of the same names. ``amqps`` means TLS, with what the query
    and ``tls`` say (see ``TLSOptions``).

    Args:
        role: what the connection is for; the broker shows it in its list of connections.

    Returns:
        One for each URL.

    Raises:
        ConfigurationError: the URL or an option makes no sense. The text never shows the password.
    """
    config = conf.config()
    urls = current()
    addresses = [_from_url(url) for url in each(urls)] if urls else []
    name = _connection_name(role, config.queue)
    return [
        _parameters(address, config.raw, name)
        for address in addresses or [_from_parts(config.raw)]
    ]


def _parameters(
    address: "_Address", raw: Mapping[str, Any], connection_name: str
) -> pika.ConnectionParameters:
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port or (TLS_PORT if address.is_tls else PORT),
        virtual_host=address.virtual_host,
        credentials=pika.PlainCredentials(address.user, address.password),
        ssl_options=_ssl_options(address, raw),
        **{**_DEFAULTS, **_options_of_settings(raw), **address.options},
        client_properties={"connection_name": connection_name},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address:
    host: str
    port: int | None
    user: str
    password: str = field(repr=False)
    is_tls: bool
    virtual_host: str = "/"
    options: Mapping[str, float] = field(default_factory=dict)
    tls_query: Mapping[str, str] = field(default_factory=dict)


def _from_parts(raw: Mapping[str, Any]) -> _Address:
    return _Address(
        host=raw.get("host", "localhost"),
        port=raw.get("port"),
        user=raw.get("user", "guest"),
        password=password_of_file(raw.get("password")) or raw.get("password", "guest"),
        is_tls=raw.get("tls") is not None,
    )


def _from_url(url: str) -> _Address:
    parts = _split(url)
    if parts.scheme not in {"amqp", "amqps"}:
        # Nothing but the scheme is repeated: the rest may hold a password.
        raise ConfigurationError(
            f'CQRS url has the scheme "{parts.scheme}": '
            'Scheme must be "amqp" for RabbitMQTransport. With TLS it is "amqps".'
        )
    if "," in (parts.hostname or ""):
        raise ConfigurationError(
            "CQRS url names several hosts: write a whole URL for each, separated by commas."
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return _Address(
        host=parts.hostname or "localhost",
        port=parts.port,
        user=unquote(parts.username) if parts.username is not None else "guest",
        password=_password(parts),
        is_tls=parts.scheme == "amqps",
        virtual_host=_virtual_host(parts.path),
        options=_options_of_query(query),
        tls_query={name: value for name, value in query.items() if tls.is_option(name)},
    )


def _password(parts: SplitResult) -> str:
    of_file = password_of_file(parts.password)
    if of_file is not None:
        return of_file
    return unquote(parts.password) if parts.password is not None else "guest"


def _ssl_options(address: _Address, raw: Mapping[str, Any]) -> pika.SSLOptions | None:
    options = tls.TLSOptions.read(raw.get("tls"), address.tls_query)
    if address.is_tls:
        return pika.SSLOptions(options.context(), options.server_name or address.host)
    if raw.get("tls") is not None or address.tls_query:
        # Whoever names a certificate believes that the connection is encrypted.
        raise ConfigurationError("CQRS tls is set, but the url is amqp: it must begin with amqps.")
    return None


def _split(url: str) -> SplitResult:
    return split(
        url, example="amqp://user:password@host:5672/vhost", encoded="user, password and vhost"
    )


def _virtual_host(path: str) -> str:
    name = path.removeprefix("/")
    if "/" in name:
        raise ConfigurationError("CQRS url: a slash in the vhost must be written as %2F.")
    return unquote(name) or "/"


def _options_of_query(query: Mapping[str, str]) -> dict[str, float]:
    options = {}
    for name, value in query.items():
        if tls.is_option(name):
            continue
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
