"""JSON bodies, bounded: whatever is sent, the answer is a 4xx and not a crash."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.utils import json


class BodyTooLarge(APIException):
    """Raised for a body above ``settings.API_MAX_BODY_BYTES``."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class BoundedJSONParser(BaseParser):
    """Parses JSON in UTF-8, whatever charset is claimed; refuses NaN, too much and too deep."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Returns the parsed body.

        Raises:
            BodyTooLarge: there are more bytes than allowed.
            ParseError: it is not JSON.
        """
        limit = settings.API_MAX_BODY_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(f"The body may have at most {limit} bytes.")
        try:
            return _loads(body)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error


def _loads(body: bytes) -> Any:
    value = json.loads(
        body.decode(), parse_constant=json.strict_constant, parse_float=_finite_float
    )
    if b"\\ud" in body.lower():
        # An escape may stand for half a character, which nothing can store or answer with.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number
