"""``settings.CQRS`` as the address of a broker, and which kind of broker that is."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.transport.kombu import redis_tls
from dj_cqrs.transport.url import current, password_of_file, split

DEFAULT_URL: Final = "amqp://localhost"
DEFAULT_PREFETCH_COUNT: Final = 10
#: Seconds for one try to connect, and for one answer of the broker.
CONNECT_SECONDS: Final = 5.0


class Kind(enum.Enum):
    """What a broker can do; each kind has its own way to publish and to consume."""

    AMQP = "amqp"
    REDIS = "redis"
    FILESYSTEM = "filesystem"


_KINDS: Final[Mapping[str, Kind]] = {
    "amqp": Kind.AMQP,
    "amqps": Kind.AMQP,
    "redis": Kind.REDIS,
    "rediss": Kind.REDIS,
    "filesystem": Kind.FILESYSTEM,
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is that Kombu talks to.

    Attributes:
        where: for messages to people; shows no password.
        arguments: of ``kombu.Connection``.
    """

    where: str
    arguments: Mapping[str, Any] = field(repr=False)

    @property
    def options(self) -> Mapping[str, Any]:
        """Kombu's transport options."""
        options: Mapping[str, Any] = self.arguments["transport_options"]
        return options


def kind() -> Kind:
    """Which kind of broker the settings name.

    Raises:
        ConfigurationError: one that this transport cannot use.
    """
    scheme, separator, _ = _url().partition("://")
    if separator and scheme in _KINDS:
        return _KINDS[scheme]
    # Nothing but the scheme is repeated: the rest may hold a password.
    what = f"has the scheme {scheme!r}" if separator else "has no scheme"
    hint = ""
    if scheme == "memory":
        hint = (
            " What is in memory:// reaches no other process; "
            "for tests there is dj_cqrs.transport.memory.MemoryTransport."
        )
    raise ConfigurationError(
        f"CQRS url {what}; KombuTransport takes {', '.join(_KINDS)}://.{hint}"
    )


def address(*, seconds: float = CONNECT_SECONDS) -> Address:
    """Reads the address of a Redis server or of a directory from ``settings.CQRS``.

    ``transport_options`` of the settings are handed to Kombu as they are.

    Args:
        seconds: for one try to connect, and for one answer.

    Raises:
        ConfigurationError: the URL makes no sense. The text never shows the password.
    """
    config = conf.config()
    options = config.raw.get("transport_options") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError("CQRS transport_options must be a dict.")
    url = _url()
    if kind() is Kind.FILESYSTEM:
        return _filesystem(url, dict(options))
    return _redis(url, dict(options), seconds)


def _url() -> str:
    url = current() or DEFAULT_URL
    if not isinstance(url, str):
        raise ConfigurationError("CQRS url must be one URL for KombuTransport, and a string.")
    return url


def prefetch_count() -> int:
    """Messages that one consumer may hold unsettled; 0 for no limit.

    Raises:
        ConfigurationError: the setting is no number.
    """
    value = conf.config().raw.get("consumer_prefetch_count", DEFAULT_PREFETCH_COUNT)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(
            f"CQRS consumer_prefetch_count must be a whole number (0: no limit), not {value!r}."
        )
    return value


def _redis(url: str, options: dict[str, Any], seconds: float) -> Address:
    parts = split(url, example="redis://user:password@host:6379/0", encoded="user and password")
    if options.get("global_keyprefix"):
        raise ConfigurationError(
            "CQRS transport_options: global_keyprefix is not supported; name another database."
        )
    parts = _with_password(parts)
    parts, tls = redis_tls.split_off(parts, conf.config().raw.get("tls"))
    arguments: dict[str, Any] = {"hostname": parts.geturl(), "connect_timeout": seconds}
    if tls is not None:
        arguments["ssl"] = tls
    defaults = {"socket_connect_timeout": seconds, "socket_timeout": seconds}
    arguments["transport_options"] = {**defaults, **options}
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return Address(where, arguments)


def _with_password(parts: SplitResult) -> SplitResult:
    """The URL with what ``password_file`` holds in it."""
    password = password_of_file(parts.password)
    if password is None:
        return parts
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{place}")


def _filesystem(url: str, options: dict[str, Any]) -> Address:
    """``filesystem:///a/directory``, or directories in ``transport_options`` as Kombu has them."""
    path = unquote(urlsplit(url).path)
    folders = ("data_folder_in", "data_folder_out", "control_folder")
    if path.strip("/"):
        messages, control = Path(path) / "messages", Path(path) / "control"
        named = dict(zip(folders, map(str, (messages, messages, control)), strict=True))
        options = {**named, **options}
    elif not all(name in options for name in folders):
        raise ConfigurationError(
            "CQRS url filesystem:// must name an absolute directory (filesystem:///var/lib/cqrs), "
            f"or CQRS transport_options must hold {', '.join(folders)}."
        )
    where = f"filesystem://{options['data_folder_in']}"
    return Address(where, {"hostname": "filesystem://", "transport_options": options})
