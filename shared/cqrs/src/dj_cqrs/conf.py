"""``settings.CQRS`` as a frozen view, read when it is needed, so that ``override_settings`` works.

Nothing is written back into the settings.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from dj_cqrs import _health_settings, constants
from dj_cqrs._health_settings import HealthConfig
from dj_cqrs.exceptions import ConfigurationError

logger = logging.getLogger("django-cqrs")

CorrelationFunction = Callable[[str, str, Any, str | None], Any]
MetaFunction = Callable[..., dict[str, Any]]


#: Less than that and no row would fit.
MIN_BODY_BYTES: Final = 1024


class _Unset:
    """Tells a key that is missing from one that is None."""


UNSET: Final = _Unset()


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric setting: which values it takes, and what holds for any other."""

    section: str
    usual_default: int
    minimum: int
    #: Whether None stands for "infinite".
    may_be_none: bool = False
    #: Whether an outbox, which loses nothing, makes the default infinite.
    is_infinite_with_outbox: bool = False
    default_without_inbox: int | None = None
    #: Whether digits will do, as they come from an environment variable.
    may_be_text: bool = False

    @property
    def default(self) -> int | None:
        """What holds where the setting is missing or makes no sense."""
        if self.is_infinite_with_outbox and outbox_is_installed():
            return None
        if self.default_without_inbox is not None and not inbox_is_installed():
            return self.default_without_inbox
        return self.usual_default

    def is_valid(self, value: Any) -> bool:
        """Whether it is a whole number that is large enough, or None where that is allowed."""
        if value is None:
            return self.may_be_none
        if self.may_be_text and isinstance(value, str) and value.isdecimal():
            return True
        return isinstance(value, int) and not isinstance(value, bool) and value >= self.minimum


NUMBERS: Final[Mapping[str, Number]] = {
    "CQRS_MESSAGE_TTL": Number(
        "master", constants.DEFAULT_MASTER_MESSAGE_TTL, 1, True, is_infinite_with_outbox=True
    ),
    "relay_batch_size": Number("master", constants.DEFAULT_RELAY_BATCH_SIZE, 1),
    "relay_batch_bytes": Number("master", constants.DEFAULT_RELAY_BATCH_BYTES, 1),
    "unroutable_ttl": Number("master", constants.DEFAULT_UNROUTABLE_TTL, 1, True),
    "CQRS_MAX_RETRIES": Number("replica", constants.DEFAULT_REPLICA_MAX_RETRIES, 0, True),
    "CQRS_RETRY_DELAY": Number("replica", constants.DEFAULT_REPLICA_RETRY_DELAY, 0),
    "delay_queue_max_size": Number(
        "replica", constants.DEFAULT_REPLICA_DELAY_QUEUE_MAX_SIZE, 1, True
    ),
    "batch_size": Number(
        "replica",
        constants.DEFAULT_REPLICA_BATCH_SIZE,
        1,
        default_without_inbox=constants.DEFAULT_REPLICA_FETCH_SIZE,
    ),
    "tombstone_ttl": Number("replica", constants.DEFAULT_REPLICA_TOMBSTONE_TTL, 1),
    "dead_message_ttl": Number("replica", constants.DEFAULT_DEAD_MESSAGE_TTL, 1, True),
    "CQRS_QUERY_TIMEOUT": Number("replica", 0, 0, may_be_text=True),
}


@dataclass(frozen=True, slots=True)
class MasterConfig:
    """``CQRS['master']``; times in seconds, ``None`` for infinite."""

    auto_update_fields: bool
    message_ttl_seconds: int | None
    correlation_function: CorrelationFunction | None
    meta_function: MetaFunction | None
    relay_batch_size: int
    relay_batch_bytes: int
    unroutable_ttl_seconds: int | None


@dataclass(frozen=True, slots=True)
class ReplicaConfig:
    """``CQRS['replica']``; times in seconds, ``None`` for infinite."""

    max_retries: int | None
    retry_delay_seconds: int
    delay_queue_max_size: int | None
    dead_letter_queue: str
    dead_message_ttl_seconds: int | None
    batch_size: int
    tombstone_ttl_seconds: int
    #: What missing queues are created as: "quorum", or "classic" as django-cqrs does.
    queue_type: str
    #: Longest time of one statement of a message in milliseconds; 0 for no limit.
    query_timeout_ms: int
    log_timed_out_queries: bool
    query_logger: str


@dataclass(frozen=True, slots=True)
class Config:
    """The whole of ``settings.CQRS``."""

    transport: str
    #: One URL, or several with commas between them or in a list: nodes of one cluster. Or a
    #: function that returns any of these; see ``dj_cqrs.transport.url``.
    url: str | Sequence[str] | Callable[[], str | Sequence[str]] | None
    exchange: str
    queue: str | None
    #: For one message of direct mode: connecting, publishing, and trying once more.
    produce_timeout_seconds: float
    #: A larger body is neither sent nor read.
    max_body_bytes: int
    #: What ``dj_cqrs.signing.keys`` reads; None: messages are neither signed nor checked.
    signing: Any
    master: MasterConfig
    replica: ReplicaConfig
    health: HealthConfig
    raw: Mapping[str, Any]


def config() -> Config:
    """Reads ``settings.CQRS``.

    It is parsed again only after a change, also one within the dict: every message asks for it.

    Raises:
        ConfigurationError: the setting is missing or not a dict.
    """
    global _last  # noqa: PLW0603  one assignment of a whole, so that threads need no lock
    raw = _checked(getattr(settings, "CQRS", UNSET))
    if _last is None or _last.raw != raw or _last.installed is not apps.app_configs:
        _last = _Parsed(_snapshot(raw), apps.app_configs, parse(raw))
    return _last.config


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What the settings were when they were parsed last, and the result."""

    raw: Mapping[str, Any]
    installed: object
    config: Config


_last: _Parsed | None = None


def _checked(raw: Any) -> Mapping[str, Any]:
    if raw is UNSET:
        raise ConfigurationError("CQRS configuration must be set in Django project settings.")
    if not isinstance(raw, Mapping):
        raise ConfigurationError("CQRS configuration must be dict.")
    return raw


def _snapshot(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _snapshot(value) if isinstance(value, Mapping) else value
        for key, value in raw.items()
    }


def parse(raw: Any) -> Config:
    """Makes the view of a given ``settings.CQRS``.

    Raises:
        ConfigurationError: it is missing or not a dict.
    """
    raw = _checked(raw)
    queue = raw.get("queue")
    return Config(
        transport=raw.get("transport") or "",
        url=raw.get("url"),
        exchange=raw.get("exchange", "cqrs"),
        queue=queue,
        produce_timeout_seconds=_produce_timeout(raw),
        max_body_bytes=_max_body_bytes(raw),
        signing=raw.get("signing"),
        master=_master(_section(raw, "master")),
        replica=_replica(_section(raw, "replica"), queue),
        health=_health_settings.read(_section(raw, "health")),
        raw=raw,
    )


def _produce_timeout(raw: Mapping[str, Any]) -> float:
    value = raw.get("produce_timeout", constants.DEFAULT_PRODUCE_TIMEOUT)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise ConfigurationError(
        f"CQRS produce_timeout must be a positive number of seconds, not {value!r}."
    )


def _max_body_bytes(raw: Mapping[str, Any]) -> int:
    value = raw.get("max_body_bytes", constants.DEFAULT_MAX_BODY_BYTES)
    if isinstance(value, int) and not isinstance(value, bool) and value >= MIN_BODY_BYTES:
        return value
    raise ConfigurationError(
        f"CQRS max_body_bytes must be a number of bytes, at least {MIN_BODY_BYTES}, not {value!r}."
    )


def outbox_is_installed() -> bool:
    """True where changes are recorded in the outbox; False in direct mode."""
    return apps.is_installed("dj_cqrs.outbox")


def inbox_is_installed() -> bool:
    """True where tombstones and parked messages have their tables."""
    return apps.is_installed("dj_cqrs.inbox")


def _section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = raw.get(name, {})
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"CQRS {name} configuration must be dict.")
    return section


def _master(section: Mapping[str, Any]) -> MasterConfig:
    return MasterConfig(
        auto_update_fields=section.get(
            "CQRS_AUTO_UPDATE_FIELDS", constants.DEFAULT_MASTER_AUTO_UPDATE_FIELDS
        ),
        message_ttl_seconds=_number(section, "CQRS_MESSAGE_TTL"),
        correlation_function=section.get("correlation_function") or None,
        meta_function=_meta_function(section.get("meta_function")),
        relay_batch_size=_number(section, "relay_batch_size"),
        relay_batch_bytes=_number(section, "relay_batch_bytes"),
        unroutable_ttl_seconds=_number(section, "unroutable_ttl"),
    )


def _meta_function(value: Any) -> MetaFunction | None:
    if not value:
        return None
    try:
        function: MetaFunction = import_string(value) if isinstance(value, str) else value
    except ImportError as error:
        raise ConfigurationError("CQRS master meta_function import error.") from error
    return function


def _replica(section: Mapping[str, Any], queue: str | None) -> ReplicaConfig:
    return ReplicaConfig(
        max_retries=_number(section, "CQRS_MAX_RETRIES"),
        retry_delay_seconds=_number(section, "CQRS_RETRY_DELAY"),
        delay_queue_max_size=_number(section, "delay_queue_max_size"),
        dead_letter_queue=section.get("dead_letter_queue", f"dead_letter_{queue}"),
        dead_message_ttl_seconds=_number(section, "dead_message_ttl"),
        batch_size=_number(section, "batch_size"),
        tombstone_ttl_seconds=_number(section, "tombstone_ttl"),
        queue_type=section.get("queue_type", constants.DEFAULT_REPLICA_QUEUE_TYPE),
        query_timeout_ms=_number(section, "CQRS_QUERY_TIMEOUT"),
        log_timed_out_queries=bool(section.get("CQRS_LOG_TIMED_OUT_QUERIES")),
        query_logger=section.get("CQRS_QUERY_LOGGER") or logger.name,
    )


def _number(section: Mapping[str, Any], key: str) -> Any:
    """The setting, or its default (with a warning at start) where it makes no sense."""
    number = NUMBERS[key]
    value = section.get(key, UNSET)
    if not number.is_valid(value):
        return number.default
    return int(value) if isinstance(value, str) else value
