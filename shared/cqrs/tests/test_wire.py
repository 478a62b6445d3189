"""The codec loses nothing, and refuses what it cannot hold."""

import datetime as dt
import enum
import json
import math
import time
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.utils.dateparse import parse_duration
from hypothesis import given
from hypothesis import strategies as st

from dj_cqrs import wire
from dj_cqrs.exceptions import ContractError

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (float, int)):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


@given(value=_json_values)
def test_everything_that_json_holds_survives(value: Any) -> None:
    assert _same(value, wire.decode(wire.encode({"value": value}))["value"])


@given(value=st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_numbers_with_all_their_digits(value: Decimal) -> None:
    body = wire.encode({"value": value})
    assert not body.startswith(b'{"value":"')
    decoded = wire.decode(body)["value"]
    assert Decimal(getattr(decoded, "text", decoded)) == value


def test_decimals_keep_their_digits_beside_what_the_fast_codec_refuses() -> None:
    price = Decimal("0.100000000000000001")
    body = wire.encode({"price": price, "rate": math.nan, "bound": Decimal("Infinity")})
    decoded = wire.decode(body)
    assert decoded["price"].text == str(price)
    assert math.isnan(decoded["rate"])
    assert decoded["bound"] == math.inf


@given(text=st.text(st.characters(exclude_categories=())))
def test_any_text_survives_even_lone_surrogates(text: str) -> None:
    assert wire.decode(wire.encode({"text": text})) == {"text": text}


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.date(2026, 11, 23), "2026-11-23"),
        (dt.datetime(2026, 11, 23, 18, 44, 37, 5, dt.UTC), "2026-11-23 18:44:37.000005+00:00"),
        (dt.time(1, 2, 3), "01:02:03"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "AP8="),
        (memoryview(b"\x00\xff"), "AP8="),
        (Colour.RED, "red"),
        (Size.SMALL, 1),
        ((1, 2), [1, 2]),
        ({1: 2, None: 3}, {"1": 2, "null": 3}),
    ],
)
def test_other_values_have_one_form(value: Any, text: Any) -> None:
    assert json.loads(wire.encode({"value": value}))["value"] == text


@given(value=st.timedeltas())
def test_a_duration_is_what_django_parses(value: dt.timedelta) -> None:
    assert parse_duration(wire.duration_text(value)) == value


@pytest.mark.parametrize(
    "value", [object(), {"a": [object()]}, {1: 2, "b": lambda: None}], ids=str
)
def test_a_value_without_a_form_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ContractError, match="cannot be sent"):
        wire.encode({"value": value})


def test_a_bottomless_value_is_refused() -> None:
    bottomless: dict[str, Any] = {}
    bottomless["again"] = bottomless
    with pytest.raises(ContractError, match="nested more than"):
        wire.encode(bottomless)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nope", b"[" * 100, b'{"a":1}x'])
def test_what_is_not_json_is_a_contract_error(body: bytes) -> None:
    with pytest.raises(ContractError, match="not JSON"):
        wire.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 101 + b"]" * 101,
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b'{"a":[' * 51 + b"1" + b"]}" * 51,
        b'["quote \\" in a string", "back\\\\"' + b",[" * 101,
    ],
    ids=["open", "lists", "dicts", "mixed", "after strings"],
)
def test_what_is_nested_too_deeply_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(ContractError, match="nested more than 100 levels"):
        wire.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100 + b"]" * 100,
        b"[" + b"[]," * 1000 + b"{}]",
        b'["' + b"[" * 1000 + b'"]',
        b'["\\"' + b"[" * 1000 + b'"]',
    ],
    ids=["at the limit", "many side by side", "in a string", "after a quote in a string"],
)
def test_what_only_has_many_brackets_is_read(body: bytes) -> None:
    assert isinstance(wire.decode(body), list)


def test_what_may_be_sent_may_be_read() -> None:
    deepest: Any = 1
    for _ in range(wire.MAX_DEPTH):
        deepest = [deepest]
    assert wire.decode(wire.encode({"a": deepest[0]})) == {"a": deepest[0]}
    with pytest.raises(ContractError, match="nested more than"):
        wire.encode({"a": deepest})


def test_no_body_takes_long_to_be_refused() -> None:
    quotes = b"[" * 101 + b'"' + b'\\"' * 2_000_000
    started_at = time.monotonic()
    with pytest.raises(ContractError):
        wire.decode(quotes)
    assert time.monotonic() - started_at < 10  # quadratic: hours


def test_a_wire_number_is_a_float_to_everybody_else() -> None:
    number = wire.decode(b'{"value": 1.10}')["value"]
    assert number == 1.1
    assert json.dumps(number) == "1.1"
    assert number.text == "1.10"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 0.100000000000000000001, "retries": 0, "text": "\\u00e9 \\/"}',
        b'{"a": 0.100000000000000000001, "lone": "\\udc80", "nan": NaN}',
    ],
)
def test_one_value_of_a_body_is_changed_and_no_digit_of_the_others(body: bytes) -> None:
    changed = wire.decode(wire.with_values(body, retries=3))

    before = wire.decode(body)
    assert changed.pop("retries") == 3
    assert changed["a"].text == "0.100000000000000000001"
    assert {key: str(value) for key, value in changed.items()} == {
        key: str(value) for key, value in before.items() if key != "retries"
    }


@pytest.mark.parametrize("body", [b"[]", b"1", b"{"])
def test_only_an_object_has_values(body: bytes) -> None:
    with pytest.raises(ContractError):
        wire.with_values(body, retries=3)
