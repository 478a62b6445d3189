"""Messages that nobody can apply."""

import json
from typing import Any

#: A key that no row has.
PK = 2_000_000_000
UPDATED = "2026-11-23 18:44:37.955405+00:00"
_OVERSIZED_BYTES = 12 * 1024 * 1024


def message(**changes: Any) -> bytes:
    """An artist's message that could be applied, but for the changes."""
    whole = {
        "signal_type": "SAVE",
        "cqrs_id": "artist",
        "instance_data": {"id": PK, "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED},
        "previous_data": None,
        "instance_pk": PK,
        "correlation_id": None,
        "retries": 0,
        "expires": None,
        "meta": {},
    }
    return json.dumps({**whole, **changes}).encode()


def artist(**changes: Any) -> bytes:
    """The same with changed data."""
    data = {"id": PK, "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED}
    return message(instance_data={**data, **changes})


#: No retry can mend these.
HOPELESS = {
    "nothing": b"",
    "no JSON": b"certainly not JSON",
    "no UTF-8": b"\xff\xfe\x00",
    "half a message": message()[:40],
    "a number": b"1",
    "a list": b"[]",
    "null": b"null",
    "nested too deeply": b"[" * 100_000 + b"]" * 100_000,
    "an empty object": b"{}",
    "no such signal": message(signal_type="EXPLODE"),
    "a model whose name is a list": message(cqrs_id=["artist"]),
    "retries that are a word": message(retries="many"),
    "an expiry that is none": message(expires="soon"),
    "data that is a list": message(instance_data=[1, 2]),
    "data that is missing": message(instance_data=None),
    "no key": message(instance_pk=None, instance_data={"name": "x"}),
    "a revision that is a word": artist(cqrs_revision="one"),
    "no revision": artist(cqrs_revision=None),
    "a time that is none": artist(cqrs_updated="yesterday"),
    "a revision that is too large": artist(cqrs_revision=2**70),
}
#: The model, the database or the service refuses these, which a deployment may mend: tried again.
REFUSED = {
    "a field that is missing": message(
        instance_data={"id": PK, "cqrs_revision": 0, "cqrs_updated": UPDATED}
    ),
    "no such model": message(cqrs_id="no_such_model"),
    "a name that is too long": artist(name="x" * 201),
    "a name that is null": artist(name=None),
    "a name with a NUL": artist(name="x\x00"),
    "a key that is a word": message(
        instance_pk="word",
        instance_data={"id": "word", "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED},
    ),
    "a key that is too large": message(
        instance_pk=2**70,
        instance_data={"id": 2**70, "name": "x", "cqrs_revision": 0, "cqrs_updated": UPDATED},
    ),
    "a track without its album": message(cqrs_id="track"),
}


def oversized() -> bytes:
    """More bytes than any row has, and no message."""
    return b'{"signal_type": "' + b"x" * _OVERSIZED_BYTES
