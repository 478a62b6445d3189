"""The wire codec: message bodies to bytes and back, with nothing lost.

A body is JSON that parses to what django-cqrs sends. Decimals are numbers with all their digits;
dates, times, UUIDs are strings as ``str()`` gives them. The fast codec (msgspec) does nearly all
bodies; what it cannot hold (NaN, lone surrogates) goes through the standard library.

Pure: knows neither Django nor a broker.
"""

import base64
import itertools
import json
import math
import re
import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Self

import msgspec

from dj_cqrs.exceptions import ContractError

#: Deeper nesting than this is refused: it is an attack or a mistake, never a row.
MAX_DEPTH: Final = 100


class WireNumber(float):
    """A number of a body with a fraction or exponent: a float that remembers its digits.

    Code that expects a float works on; a Decimal field takes ``text`` and loses nothing.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Parses the number."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type["WireNumber"], tuple[str]]:
        return WireNumber, (self.text,)


#: A whole string, closed or not, is passed over at once and never looked at again.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=WireNumber)
_parts_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _NotFiniteError(ValueError):
    """The value holds a NaN or an infinity, which the fast codec would turn into null."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Encodes a message body as UTF-8 JSON.

    Raises:
        ContractError: the message holds a value that JSON has no form for.
    """
    plain = to_plain(message)
    try:
        _refuse_not_finite(plain)
        return _encoder.encode(plain)
    except (_NotFiniteError, UnicodeEncodeError, OverflowError, msgspec.ValidationError):
        return _encode_with_standard_library(plain)


def decode(body: bytes) -> Any:
    """Decodes a message body; fractional numbers become ``WireNumber``.

    Raises:
        ContractError: the body is not JSON, or is nested too deeply.
    """
    _refuse_deep(body)
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body, parse_float=WireNumber)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"The body is not JSON: {error}.") from error


def _refuse_deep(body: bytes) -> None:
    """Counts brackets instead of parsing: a parser may run out of stack, or into seconds."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return  # nearly every message
    brackets = _STRING.sub(b"", body).translate(None, delete=_NO_BRACKET)
    if max(itertools.accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise ContractError(f"The body is nested more than {MAX_DEPTH} levels deep.")


def with_values(body: bytes, **values: Any) -> bytes:
    """The body with these values under their keys; all else stays as it is, to the last digit.

    Raises:
        ContractError: the body is not a JSON object.
    """
    new = {key: msgspec.Raw(_encoder.encode(to_plain(value))) for key, value in values.items()}
    try:
        return _encoder.encode(_parts_decoder.decode(body) | new)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    message = decode(body)
    if not isinstance(message, dict):
        raise ContractError(f"The body is a JSON {type(message).__name__}, not an object.")
    return encode(message | values)


def to_plain(value: Any, depth: int = 0) -> Any:
    """Turns a value into what JSON holds: None, bool, int, float, Decimal, str, list, dict.

    Raises:
        ContractError: the value, or one inside it, has no JSON form.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (str, int, float)):
        return _without_subclass(value)
    if depth >= MAX_DEPTH and isinstance(value, (Mapping, list, tuple, set, frozenset)):
        raise ContractError(f"The payload is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, Mapping):
        return {_key(key): to_plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(item, depth + 1) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, (date, datetime, time, uuid.UUID)):
        return str(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if type(value).__str__ is object.__str__:  # type: ignore[comparison-overlap]
        raise ContractError(
            f"A value of type {type(value).__name__} cannot be sent; "
            "make the serializer return text, numbers, lists or dicts."
        )
    return str(value)


def duration_text(value: timedelta) -> str:
    """Formats a duration as Django does ("3 02:01:00.000005"), which every Django parses."""
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    days = f"{value.days} " if value.days else ""
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    return f"{days}{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}"


def _without_subclass(value: str | float) -> str | float | Decimal:
    """Enum members, safe strings and the like become the plain value that they stand for."""
    if type(value) in (str, int, float):
        return value
    if isinstance(value, WireNumber):
        return Decimal(value.text)
    for base in (str, int, float):
        if isinstance(value, base):
            return base.__str__(value) if base is str else base(value)
    return value


def _key(key: Any) -> str:
    """Keys of other types become text, as in the standard library."""
    if type(key) is str:
        return key
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    return str(to_plain(key))


def _refuse_not_finite(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _refuse_not_finite(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_not_finite(item)
    elif isinstance(value, (float, Decimal)) and not math.isfinite(value):
        raise _NotFiniteError


def _encode_with_standard_library(plain: Any) -> bytes:
    """Decimals pass as marked strings, and their marks are stripped from the text."""
    mark = uuid.uuid4().hex

    def marked(value: Decimal) -> str:
        return mark + ("NaN" if value.is_nan() else str(value)) + mark

    text = json.dumps(plain, default=marked)
    return re.sub(f'"{mark}(.*?){mark}"', r"\1", text).encode("ascii")
