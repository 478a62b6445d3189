"""The text of a primary key, as the tables of outbox and inbox hold it.

Pure: knows neither Django nor a broker.
"""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

#: Longest key text that the tables hold.
MAX_KEY_LENGTH: Final = 255


def key_text(key: Any) -> str:
    """The key as text; one that is too long keeps its beginning and gets a digest."""
    text = str(_one_form(key))
    if len(text) <= MAX_KEY_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: MAX_KEY_LENGTH - len(digest) - 1]}#{digest}"


def _one_form(key: Any) -> Any:
    """Keys that are equal have one text: 1.0 and 1.00, or a moment in two time zones."""
    if isinstance(key, Decimal) and key.is_finite():
        return format(key.normalize(), "f")
    if isinstance(key, datetime) and key.tzinfo is not None:
        return key.astimezone(UTC)
    return key
