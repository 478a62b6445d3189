"""The signature of one message: which bytes it covers, and how it stands in a header.

Pure: knows neither Django nor a broker. Another language needs no more than this module says.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final

from dj_cqrs.constants import REVISIONS_HEADER, REVISIONS_MONOTONIC

#: First of the parts that are signed: a later way to sign must never be mistaken for this one.
_VERSION: Final = b"cqrs-signature-1"


def header_value(
    key_id: str, key: bytes, *, routing_key: str, headers: Mapping[str, Any], body: bytes
) -> str:
    """What the header says: ``<key id>:<HMAC-SHA256 in hex>``."""
    return f"{key_id}:{_digest(key, routing_key, headers, body).hex()}"


def parsed(value: Any) -> tuple[str, bytes] | None:
    """Key id and digest of a header, or None where it is no signature."""
    if not isinstance(value, str):
        return None
    key_id, _, digest = value.rpartition(":")
    try:
        return (key_id, bytes.fromhex(digest)) if key_id and digest.isascii() else None
    except ValueError:
        return None


def matches(
    digest: bytes, key: bytes, *, routing_key: str, headers: Mapping[str, Any], body: bytes
) -> bool:
    """Whether a digest is that of the message; takes the same time for every wrong one."""
    return hmac.compare_digest(digest, _digest(key, routing_key, headers, body))


def _digest(key: bytes, routing_key: str, headers: Mapping[str, Any], body: bytes) -> bytes:
    return hmac.digest(key, _signed_text(routing_key, headers, body), "sha256")


def _signed_text(routing_key: str, headers: Mapping[str, Any], body: bytes) -> bytes:
    """All that a replica judges a message by.

    Each part with its length before it ("5:track,"), so that no bytes can move from one into
    the next. Other headers decide nothing, and brokers change them on the way.
    """
    is_monotonic = headers.get(REVISIONS_HEADER) == REVISIONS_MONOTONIC
    parts = (
        _VERSION,
        routing_key.encode("utf-8", "surrogatepass"),
        REVISIONS_MONOTONIC.encode() if is_monotonic else b"",
        body,
    )
    return b"".join(b"%d:%b," % (len(part), part) for part in parts)
