"""A transport with nothing to consume; its workers write down their process ids."""

import os
import time
from collections.abc import Collection
from pathlib import Path

from dj_cqrs.transport.base import Consumer
from dj_cqrs.transport.memory import MemoryTransport


class IdleTransport(MemoryTransport):
    """Consumes nothing."""

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """Called when a worker begins."""
        (Path(os.environ["PID_DIRECTORY"]) / str(os.getpid())).touch()
        if os.environ.get("STUBBORN"):
            time.sleep(60)  # a hook that hangs
        return super().consumer(cqrs_ids)
