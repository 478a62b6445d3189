"""pika's errors in words; they often hide their text several exceptions deep."""

import re
from typing import Final

from pika.exceptions import ChannelClosed, ConnectionBlockedTimeout, ConnectionClosed

from dj_cqrs.exceptions import BrokerUnreachableError, TransportError
from dj_cqrs.transport import tls

_TOO_LARGE: Final = re.compile(r"larger than (?:configured )?max size (\d+)")


def lost(where: str, error: BaseException) -> TransportError:
    """Builds the error that says what became of the connection to the broker at ``where``.

    A broker that blocks publishers (memory or disk alarm) is as good as unreachable: whatever was
    to be published, it is not at fault.
    """
    is_blocked = isinstance(error, ConnectionBlockedTimeout)
    kind = BrokerUnreachableError if is_blocked else TransportError
    advice = tls.hint(_innermost(error))
    return kind(f"The broker at {where}: {describe(error)}{'. ' if advice else ''}{advice}")


def describe(error: BaseException) -> str:
    """One line on the innermost cause of an error of pika's."""
    error = _innermost(error)
    if isinstance(error, (ChannelClosed, ConnectionClosed)):
        return f"{error.reply_code} {error.reply_text}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    # A failed workflow holds the error of each address; a failed phase holds its cause.
    causes = [*error.args, *getattr(error, "exceptions", ()), getattr(error, "exception", None)]
    for cause in reversed(causes):
        if isinstance(cause, BaseException):
            return _innermost(cause)
    return error


def size_limit(error: TransportError) -> int | None:
    """Reads the largest body that the broker takes, where that is what it complains about."""
    found = _TOO_LARGE.search(str(error))
    return int(found[1]) if found else None
