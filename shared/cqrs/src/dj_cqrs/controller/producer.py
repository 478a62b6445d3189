"""The seam between master models and transports in direct mode."""

from dj_cqrs import transport
from dj_cqrs.dataclasses import TransportPayload


def produce(payload: TransportPayload) -> None:
    """Hands one payload to the transport of the settings, now.

    Users' tests replace this function under this name.
    """
    transport.current_transport.produce(payload)
