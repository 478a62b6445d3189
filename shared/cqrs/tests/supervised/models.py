"""Something to receive messages."""

import os
import time
from pathlib import Path
from typing import Any

from dj_cqrs.metas import ReplicaMeta
from dj_cqrs.mixins import RawReplicaMixin


class Nothing(RawReplicaMixin):
    """Never gets a message."""

    CQRS_ID = "nothing"


class Bell(RawReplicaMixin):
    """Its hook takes until it is let go."""

    CQRS_ID = "bell"

    @classmethod
    def cqrs_save(cls, *args: Any, **kwargs: Any) -> bool:
        directory = Path(os.environ["PID_DIRECTORY"])
        (directory / "ringing").touch()
        deadline = time.monotonic() + 20
        while not (directory / "let-go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        (directory / "rung").touch()
        return True


ReplicaMeta.register(Nothing)
ReplicaMeta.register(Bell)
