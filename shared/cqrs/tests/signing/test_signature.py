"""The signature is what docs/message-contract.md says, and covers all that decides."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from dj_cqrs.constants import REVISIONS_HEADER, SIGNATURE_HEADER
from dj_cqrs.signing import signature

_KEY = b"k" * 32
_MONOTONIC = {REVISIONS_HEADER: "monotonic"}


def _value(**changes: Any) -> str:
    message: dict[str, Any] = {
        "routing_key": "track",
        "headers": _MONOTONIC,
        "body": b'{"a":1}',
        **changes,
    }
    return signature.header_value("id", _KEY, **message)


def test_the_signed_text_is_four_parts_each_with_its_length() -> None:
    text = b'16:cqrs-signature-1,5:track,9:monotonic,7:{"a":1},'
    assert _value() == f"id:{hmac.new(_KEY, text, hashlib.sha256).hexdigest()}"

    text = b'16:cqrs-signature-1,5:track,0:,7:{"a":1},'
    assert _value(headers={}) == f"id:{hmac.new(_KEY, text, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b'{"a":2}'},
        {"routing_key": "cqrs.replica.track"},
        {"headers": {}},
        {"headers": {REVISIONS_HEADER: "other"}},
        {"routing_key": "trac", "body": b'k{"a":1}'},
        {"routing_key": 'track,9:monotonic,7:{"a":1},', "headers": {}, "body": b""},
    ],
    ids=["body", "routing key", "no marker", "other marker", "moved", "swallowed"],
)
def test_another_message_has_another_signature(changes: dict[str, Any]) -> None:
    assert _value(**changes) != _value()


def test_headers_that_decide_nothing_may_change() -> None:
    assert _value(headers={**_MONOTONIC, "x-delivery-count": 3}) == _value()


def test_the_page_shows_a_true_signature() -> None:
    page = (Path(__file__).parents[4] / "docs" / "message-contract.md").read_text()
    value = signature.header_value(
        "2026-11",
        b"an example of a key of 32 bytes!",
        routing_key="track",
        headers={SIGNATURE_HEADER: "of no account", **_MONOTONIC},
        body=b'{"a":1}',
    )
    assert f"\n{value}\n" in page
    assert '\n16:cqrs-signature-1,5:track,9:monotonic,7:{"a":1},\n' in page
    assert SIGNATURE_HEADER == "cqrs-signature"


def test_any_routing_key_can_be_signed() -> None:
    assert _value(routing_key="\udc80") != _value(routing_key="\ufffd")


@pytest.mark.parametrize("value", [None, 5, b"a:00", "", "00", ":00", "a:xyz", "a:\u0661\u0661"])
def test_what_is_no_signature_is_none(value: Any) -> None:
    assert signature.parsed(value) is None
