"""Message bodies of every kind that a worker must survive."""

import json
from typing import Any

from tests.replica.support import save


def body(**changes: Any) -> bytes:
    """The body of a fine message, with changes; ``...`` takes a key away."""
    message = json.loads(save(0, name="fine").body)
    message.update(changes)
    return json.dumps({key: value for key, value in message.items() if value is not ...}).encode()


def data(**changes: Any) -> bytes:
    """The same for its instance data."""
    instance_data = json.loads(save(0, name="fine").body)["instance_data"] | changes
    return body(
        instance_data={key: value for key, value in instance_data.items() if value is not ...}
    )


#: No message at all.
BROKEN = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b"\xff\xfe\x00",
    "a number": b"1",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"x"',
    "deep nesting": b"[" * 100_000,
    "deep nesting, closed": b"[" * 50_000 + b"]" * 50_000,
    "a huge number": b"1" * 10_000,
    "no key at all": b"{}",
    "no instance_pk": body(instance_pk=...),
    "no signal_type": body(signal_type=...),
    "no cqrs_id": body(cqrs_id=...),
    "no instance_data": body(instance_data=...),
    "instance_pk is null": body(instance_pk=None),
    "instance_pk is a list": body(instance_pk=[1]),
    "signal_type is unknown": body(signal_type="EXPLODE"),
    "signal_type is a list": body(signal_type=["SAVE"]),
    "cqrs_id is a list": body(cqrs_id=["item"]),
    "cqrs_id is null": body(cqrs_id=None),
    "instance_data is a list": body(instance_data=[]),
    "instance_data is text": body(instance_data="name"),
    "previous_data is text": body(previous_data="name"),
    "meta is a number": body(meta=5),
    "retries is text": body(retries="many"),
    "retries is negative": body(retries=-1),
    "expires is garbage": body(expires="soon"),
    "expires is a number": body(expires=5),
    "expires is a list": body(expires=[]),
}

#: Nobody can say which state of the row they are.
STATELESS = {
    "no revision": data(cqrs_revision=...),
    "revision is text": data(cqrs_revision="one"),
    "revision is null": data(cqrs_revision=None),
    "revision is true": data(cqrs_revision=True),
    "revision is negative": data(cqrs_revision=-1),
    "revision is a fraction": data(cqrs_revision=1.5),
    "revision is huge": data(cqrs_revision=10**30),
    "cqrs_updated is garbage": data(cqrs_updated="yesterday"),
    "cqrs_updated is a number": data(cqrs_updated=5),
    "cqrs_updated is a list": data(cqrs_updated=[]),
    "cqrs_updated is out of range": data(cqrs_updated="2026-13-45 00:00:00"),
}

#: No deploy mends them.
HOPELESS = BROKEN | STATELESS

#: The models here may be behind, or ahead of, those of the master.
RETRIED = {
    "unknown cqrs_id": body(cqrs_id="of_tomorrow"),
    "cqrs_id with NUL": body(cqrs_id="a\x00b"),
    "endless cqrs_id": body(cqrs_id="x" * 5000),
    "no primary key": data(id=...),
    "the primary key is a dict": data(id={}),
    "the primary key is no number": data(id="one"),
    "a required field is missing": data(name=...),
    "a required field is null": data(name=None),
    "a decimal is text": data(price="cheap"),
    "a decimal is a list": data(price=[1]),
    "a decimal is NaN": data(price=float("nan")),
    "a decimal is infinite": data(price=float("inf")),
    "a decimal overflows": data(price=10**40),
}

#: They only look odd.
HARMLESS = {
    "expires is naive": body(expires="2020-01-01T00:00:00"),
    "expires is missing": body(expires=...),
    "expired long ago": body(expires="2020-01-01T00:00:00+00:00"),
    "retries is huge": body(retries=10**30),
    "retries is null": body(retries=None),
    "only the required keys": body(previous_data=..., correlation_id=..., retries=..., meta=...),
    "unknown keys": body(future=[1, {"a": "b"}]),
    "unknown fields": data(future=[1, {"a": "b"}]),
    "correlation_id is a dict": body(correlation_id={}),
    "instance_pk is text": body(instance_pk="1"),
}
