"""A message as Kombu writes it into a queue of a broker that is none of AMQP's.

Pure: knows neither Django nor a broker's client. What is written here, any program that uses Kombu
can read, and the other way round.
"""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Letter:
    """What travels."""

    body: bytes
    routing_key: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    message_id: str | None = None


def seal(letter: Letter, exchange: str) -> bytes:
    """Writes an envelope; each has a tag that no other one has."""
    properties: dict[str, Any] = {
        "delivery_mode": 2,
        "delivery_info": {"exchange": exchange, "routing_key": letter.routing_key},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    if letter.message_id is not None:
        properties["message_id"] = letter.message_id
    envelope = {
        "body": base64.b64encode(letter.body).decode(),
        "content-encoding": "utf-8",
        "content-type": "text/plain",
        "headers": dict(letter.headers),
        "properties": properties,
    }
    return json.dumps(envelope, default=str).encode()


def unseal(raw: bytes) -> Letter:
    """Reads an envelope. What is none is a stranger's, and becomes the body of a letter."""
    try:
        envelope = json.loads(raw)
        properties = envelope.get("properties") or {}
        body = envelope.get("body") or ""
        encoding = properties.get("body_encoding")
        routing_key = (properties.get("delivery_info") or {}).get("routing_key")
        headers = envelope.get("headers")
        return Letter(
            base64.b64decode(body) if encoding == "base64" else str(body).encode(),
            str(routing_key or ""),
            headers if isinstance(headers, dict) else {},
        )
    except (ValueError, AttributeError, RecursionError):
        return Letter(raw, "")
