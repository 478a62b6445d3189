"""A WSGI service that publishes while it is loaded, and again on each request.

``gunicorn --preload`` loads it in the master process, whose connections the workers inherit.
"""

import datetime as dt
import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import django
from django.conf import settings

settings.configure(CQRS=json.loads(os.environ["CQRS"]), USE_TZ=True)
django.setup()

from dj_cqrs.constants import SignalType  # noqa: E402  (the settings come first)
from dj_cqrs.dataclasses import TransportPayload  # noqa: E402
from dj_cqrs.transport import current_transport  # noqa: E402


def produce(sender: str) -> None:
    """Publishes one payload that says who sent it."""
    current_transport.produce(
        TransportPayload(
            SignalType.SAVE,
            "track",
            {"id": 1},
            1,
            correlation_id=sender,
            expires=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
        )
    )


def application(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Publishes, and says which process it is."""
    produce("worker")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


_published = threading.Event()


def _produce_and_stay() -> None:
    """A thread of the master, with its own connection, that no worker has."""
    produce("thread of the master")
    _published.set()
    threading.Event().wait()


produce("master")
threading.Thread(target=_produce_and_stay, daemon=True).start()
_published.wait()
