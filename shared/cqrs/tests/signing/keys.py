"""Two keys, and messages that are signed with one of them or with a stranger's."""

from dataclasses import replace

from dj_cqrs.constants import SIGNATURE_HEADER
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.signing.signature import header_value

OLD = "the old key with its 32 bytes....."
NEW = "the new key with its 33 bytes......"
FORGED = "a key that nobody here has given."


def signed(raw: RawMessage, key: str = OLD, key_id: str = "old") -> RawMessage:
    """The message as its master sends it."""
    value = header_value(
        key_id, key.encode(), routing_key=raw.routing_key, headers=raw.headers, body=raw.body
    )
    return replace(raw, headers={**raw.headers, SIGNATURE_HEADER: value})
