"""Transports: how messages travel between services."""

from typing import TYPE_CHECKING, Any

from dj_cqrs.transport.base import BaseTransport
from dj_cqrs.transport.selection import current_transport

if TYPE_CHECKING:
    from dj_cqrs.transport.kombu import KombuTransport
    from dj_cqrs.transport.rabbit_mq import RabbitMQTransport

__all__ = ["BaseTransport", "KombuTransport", "RabbitMQTransport", "current_transport"]


def __getattr__(name: str) -> Any:
    """Loads a transport only when it is named, so that one broker's client is enough."""
    if name == "RabbitMQTransport":
        from dj_cqrs.transport.rabbit_mq import RabbitMQTransport

        return RabbitMQTransport
    if name == "KombuTransport":
        from dj_cqrs.transport.kombu import KombuTransport

        return KombuTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
