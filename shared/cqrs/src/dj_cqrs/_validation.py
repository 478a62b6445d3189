"""Validation of ``settings.CQRS``: what makes a service useless, and what is ignored.

The system checks (``dj_cqrs.checks``) and the start of the app use it; it looks at no model.
"""

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry

logger = logging.getLogger("django-cqrs")

#: Of these the contract's warning begins with other words.
_REPLICA_SETTINGS: Final = frozenset({"CQRS_MAX_RETRIES", "CQRS_RETRY_DELAY"})


def validate_settings(settings: Any) -> None:
    """Validates ``settings.CQRS`` and fills its defaults in, as the contract says.

    For code and tests that call it; the library itself validates at start, never reads what is
    filled in here and writes nothing back (see ``conf``). Does nothing in a service without
    master and replica models.

    Args:
        settings: an object with ``CQRS``.

    Raises:
        ConfigurationError: see the message.
    """
    if not is_used():
        return
    config = conf.parse(getattr(settings, "CQRS", conf.UNSET))
    for _, step in STEPS:
        step(config)
    log_ignored(config)
    if isinstance(config.raw, dict):
        _fill_in(config.raw, config)


def is_used() -> bool:
    """Whether this service has any model to replicate."""
    return bool(MasterRegistry.models or ReplicaRegistry.models)


def log_ignored(config: conf.Config) -> None:
    """Warns of what is set and not used."""
    for text in [*ignored_numbers(config), *ignored_prefetch(config)]:
        logger.warning("%s", text)


def ignored_numbers(config: conf.Config) -> Iterator[str]:
    """Numbers that make no sense, so that their defaults are used."""
    for key, number in conf.NUMBERS.items():
        value = config.raw.get(number.section, {}).get(key, conf.UNSET)
        if value is conf.UNSET or number.is_valid(value):
            continue
        whose = "Replica setting" if key in _REPLICA_SETTINGS else "Settings"
        yield f"{whose} {key}={value} is invalid, using default {number.default}."


def ignored_prefetch(config: conf.Config) -> Iterator[str]:
    """RabbitMQ's workers take as many messages as they can apply at once."""
    if "consumer_prefetch_count" not in config.raw:
        return
    from dj_cqrs.transport.selection import load_transport

    if any(
        base.__name__ == "RabbitMQTransport" for base in load_transport(config.transport).mro()
    ):
        yield "The 'consumer_prefetch_count' setting is ignored for RabbitMQTransport."


def _transport(config: conf.Config) -> None:
    from dj_cqrs.transport.selection import load_transport

    load_transport(config.transport)


def _queue(config: conf.Config) -> None:
    if not (ReplicaRegistry.models or "replica" in config.raw):
        return
    if not config.queue:
        raise ConfigurationError("CQRS queue is not set.")
    if not isinstance(config.queue, str):
        raise ConfigurationError("CQRS queue must be string.")


def _master(config: conf.Config) -> None:
    master = config.master
    if not isinstance(master.auto_update_fields, bool):
        raise ConfigurationError("CQRS master CQRS_AUTO_UPDATE_FIELDS must be bool.")
    if master.correlation_function is not None and not callable(master.correlation_function):
        raise ConfigurationError("CQRS master correlation_function must be callable.")
    function = master.meta_function
    if function is None:
        return
    if not inspect.isfunction(function):
        raise ConfigurationError("CQRS master meta_function must be function.")
    if inspect.getfullargspec(function).varkw is None:
        raise ConfigurationError("CQRS master meta_function must support **kwargs.")


def _retention(config: conf.Config) -> None:
    """A dead letter that outlives the memory of its row's deletion would bring the row back."""
    letters, tombstones = (
        config.replica.dead_message_ttl_seconds,
        config.replica.tombstone_ttl_seconds,
    )
    # Letters that are kept for ever are judged by their own age when they are taken up again.
    if not conf.inbox_is_installed() or letters is None or letters < tombstones:
        return
    raise ConfigurationError(
        f"CQRS replica tombstone_ttl ({tombstones} s) must be longer than dead_message_ttl "
        f"({letters} s): a letter that is retried after the deletion of its row was forgotten "
        "would bring the row back. Raise the one or lower the other."
    )


def _signing(config: conf.Config) -> None:
    from dj_cqrs.signing import keys

    if config.signing is not None:
        keys.parse(config.signing)


#: In the order in which their mistakes are reported, each with the id of its system check.
STEPS: Final[tuple[tuple[str, Callable[[conf.Config], None]], ...]] = (
    ("dj_cqrs.E002", _transport),
    ("dj_cqrs.E003", _queue),
    ("dj_cqrs.E004", _master),
    ("dj_cqrs.E008", _signing),
    ("dj_cqrs.E020", _retention),
)


def _fill_in(raw: dict[str, Any], config: conf.Config) -> None:
    if MasterRegistry.models or "master" in raw:
        raw["master"] = {
            **config.raw.get("master", {}),
            "CQRS_AUTO_UPDATE_FIELDS": config.master.auto_update_fields,
            "CQRS_MESSAGE_TTL": config.master.message_ttl_seconds,
            "correlation_function": config.master.correlation_function,
            "meta_function": config.master.meta_function,
        }
    if ReplicaRegistry.models or "replica" in raw:
        raw["replica"] = {
            **config.raw.get("replica", {}),
            "CQRS_MAX_RETRIES": config.replica.max_retries,
            "CQRS_RETRY_DELAY": config.replica.retry_delay_seconds,
            "delay_queue_max_size": config.replica.delay_queue_max_size,
        }
