"""Transports with next to nothing to consume; their workers write down what they do."""

import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from dj_cqrs import wire
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.transport.base import BaseTransport, Consumer, Delivery, OutgoingMessage
from dj_cqrs.transport.memory import MemoryConsumer, MemoryTransport, broker


class IdleTransport(MemoryTransport):
    """Consumes nothing."""

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """Called when a worker begins."""
        (Path(os.environ["PID_DIRECTORY"]) / str(os.getpid())).touch()
        if os.environ.get("STUBBORN"):
            time.sleep(60)  # a hook that hangs
        return super().consumer(cqrs_ids)


class BellTransport(MemoryTransport):
    """Has one message, and writes down whether it was settled."""

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """Called when a worker begins."""
        cls.declare()
        body = wire.encode(TransportPayload("SAVE", "bell", {"id": 1}, 1).to_dict())
        broker.publish(OutgoingMessage("", "bell", body))
        return _Settling(broker, "replica", "dead_letter_replica")


class OwnTransport(BaseTransport):
    """A user's, written for django-cqrs: its loop ends by a KeyboardInterrupt."""

    @classmethod
    def consume(cls, cqrs_ids: Collection[str] | None = None) -> None:
        """Consumes nothing, and cleans up in the end."""
        directory = Path(os.environ["PID_DIRECTORY"])
        (directory / str(os.getpid())).touch()
        try:
            while True:
                time.sleep(0.1)
        finally:
            (directory.parent / "cleaned-up").touch()


class _Settling(MemoryConsumer):
    def ack(self, deliveries: Sequence[Delivery]) -> None:
        super().ack(deliveries)
        (Path(os.environ["PID_DIRECTORY"]) / "acked").touch()
