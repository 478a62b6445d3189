"""A transport that carries nothing: for users' tests of code that produces payloads."""

from typing import Any, ClassVar

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.transport.base import BaseTransport


class TransportMock(BaseTransport):
    """Gives back what it is given."""

    consumers: ClassVar[dict[Any, Any]] = {}

    @staticmethod
    def produce(payload: TransportPayload) -> TransportPayload | None:  # type: ignore[override]
        """Consumes the payload at once."""
        return TransportMock.consume(payload)

    @staticmethod
    def consume(  # type: ignore[override]
        payload: TransportPayload | None = None, **_kwargs: Any
    ) -> TransportPayload | None:
        """Returns the payload."""
        return payload

    @staticmethod
    def clean_connection() -> None:
        """Nothing is open."""
