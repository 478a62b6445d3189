"""Where a change comes from: said along with every message that the change leads to.

Kept for the time of a request; a change outside of any (a command, a shell) has no request.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

#: Characters of a client's own request id that are kept.
MAX_REQUEST_ID_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """Which door a change came through, and with which request. Never who: that is personal."""

    source: str = "command"
    request_id: str = field(default_factory=lambda: uuid4().hex)


#: Without a request: one origin for all that this process does, which is one command as a rule.
_of_process = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_of_process)


def origin_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Remembers the origin of a request while it is answered, and tells the client its id."""

    def middleware(request: HttpRequest) -> HttpResponse:
        source = "admin" if request.path.startswith("/admin/") else "api"
        given = request.headers.get("X-Request-ID", "")[:MAX_REQUEST_ID_LENGTH]
        origin = Origin(source, given) if given else Origin(source)
        token = _current.set(origin)
        try:
            response = get_response(request)
        finally:
            _current.reset(token)
        response["X-Request-ID"] = origin.request_id
        return response

    return middleware


def message_meta(**_kwargs: Any) -> dict[str, str]:
    """The ``meta`` of every message: ``CQRS["master"]["meta_function"]``."""
    return {"source": _current.get().source}


def message_correlation_id(*_args: Any) -> str:
    """What all messages of one request have in common; the logs of every service show it."""
    return _current.get().request_id
