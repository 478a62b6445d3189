"""Calling the log hooks of the configured transport, which a user may have overridden."""

import logging
from collections.abc import Callable
from typing import Any

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.privacy import telling
from dj_cqrs.transport.mixins import LoggingMixin
from dj_cqrs.transport.selection import transport_class

logger = logging.getLogger("django-cqrs")


def hook(name: str) -> Callable[..., None]:
    """The hook of that name."""
    own: Callable[..., None] = getattr(LoggingMixin, name)
    try:
        return getattr(transport_class(), name, own)
    except ConfigurationError:
        return own  # consuming in process needs no transport


def info_hook(name: str) -> Callable[..., None] | None:
    """The hook of a line that comes with every message, or None where nobody would see it."""
    found = hook(name)
    is_own = found is getattr(LoggingMixin, name)
    return None if is_own and not logger.isEnabledFor(logging.INFO) else found


def call(function: Callable[..., None], *args: Any) -> None:
    """Calls a hook; its failure must not be taken for the message's."""
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001  users' code
        payload = args[0] if args else None
        telling.log_exception("The log hook %r failed.", function, error=error, payload=payload)
