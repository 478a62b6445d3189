"""Opens connections of Kombu's, and turns what they raise into the errors of this library."""

import contextlib
from collections.abc import Iterator
from typing import Any

import kombu
from kombu.exceptions import KombuError

from dj_cqrs.exceptions import BrokerUnreachableError, ConfigurationError, TransportError
from dj_cqrs.transport.kombu.address import Address


def connect(address: Address, transport: Any) -> kombu.Connection:
    """Connects, once.

    Args:
        address: where to.
        transport: Kombu's transport class.

    Raises:
        ConfigurationError: the URL has options that Kombu does not know.
        BrokerUnreachableError: the broker cannot be reached, or refused us.
    """
    try:
        connection = kombu.Connection(transport=transport, **address.arguments)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"CQRS url has options that Kombu refuses: {error}") from None
    try:
        with errors_of(address, connection):
            # Twice at once, since a server may have closed a connection that was waiting.
            connection.ensure_connection(max_retries=1, interval_start=0)
    except TransportError as error:
        close_quietly(connection)
        raise BrokerUnreachableError(str(error)) from error
    return connection


@contextlib.contextmanager
def errors_of(address: Address, connection: kombu.Connection) -> Iterator[None]:
    """Within it, whatever the broker's client raises becomes a ``TransportError``."""
    found = (*connection.connection_errors, *connection.channel_errors)
    # Kombu counts a KeyError among them; it is a mistake of ours until the opposite is proved.
    errors = tuple(kind for kind in found if not issubclass(kind, (LookupError, AttributeError)))
    try:
        yield
    except (KombuError, OSError, *errors) as error:
        text = f"{type(error).__name__}: {error}"
        raise TransportError(f"The broker at {address.where}: {text}") from error


def close_quietly(connection: kombu.Connection) -> None:
    """Closes a connection that may be broken; never raises."""
    with contextlib.suppress(Exception):
        connection.close()
