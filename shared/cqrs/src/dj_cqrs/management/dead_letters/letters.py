"""What the stores of dead letters have in common: which ones are meant, and how one is renewed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from dj_cqrs import keys, wire
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.utils import get_message_expiration_dt


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, for people: ``name`` tells it from others, ``reason`` says why it is one."""

    name: str
    body: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A letter that was to be tried again; ``error`` says why it was not."""

    letter: Letter
    error: str | None = None


class Store(Protocol):
    """A place with dead letters; each method concerns those that were selected."""

    def count(self) -> int:
        """How many there are."""

    def browse(self) -> Iterator[Letter]:
        """Yields them; all stay."""

    def retry(self) -> Iterator[Attempt]:
        """Has them tried again, with all attempts before them, and yields them."""

    def purge(self) -> int:
        """Drops them for good; returns how many."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; everything by default.

    Attributes:
        ids: numbers of letters in the inbox.
        database: alias of the only inbox that is meant.
        cqrs_id: of the rows that the letters are about.
        pk: of the row that the letters are about.
    """

    ids: tuple[int, ...] = ()
    database: str | None = None
    cqrs_id: str | None = None
    pk: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing was chosen."""
        return self == Selection()

    @property
    def is_of_inbox(self) -> bool:
        """Whether letters of the inbox alone are meant."""
        return bool(self.ids or self.database)

    @property
    def row_pk(self) -> str | None:
        """The key as the inbox writes it, where the model is known; else as it was given."""
        if self.pk is None:
            return None
        model = ReplicaRegistry.models.get(self.cqrs_id or "")
        if model is None:
            return keys.key_text(self.pk)
        from dj_cqrs.replica.message import key_text

        return key_text(model, self.pk)

    def matches(self, body: bytes) -> bool:
        """Whether a letter with this body is meant."""
        if self.cqrs_id is None and self.pk is None:
            return True
        content = content_of(body) or {}
        cqrs_id, pk = content.get("cqrs_id"), content.get("instance_pk")
        if self.cqrs_id not in (None, cqrs_id):
            return False
        return self.pk is None or self.row_pk == Selection(cqrs_id=cqrs_id, pk=str(pk)).row_pk


def content_of(body: bytes) -> dict[str, Any] | None:
    """What a body says, digits and all, or None where it is no JSON object."""
    try:
        content = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def renewed(body: bytes) -> bytes:
    """The body with all attempts before it, and a new date of expiry where it had one.

    A body that is not as the contract says is kept as it is.
    """
    content = content_of(body)
    if content is None:
        return body
    changes: dict[str, Any] = {}
    if content.get("retries"):
        changes["retries"] = 0
    if content.get("expires") is not None:
        expires_at = get_message_expiration_dt()
        changes["expires"] = expires_at.replace(microsecond=0).isoformat() if expires_at else None
    if not changes:
        return body
    return wire.with_values(body, **changes)


def as_line(body: bytes) -> str:
    """A body on one line: as it is, unless it holds line breaks or is no text at all."""
    text = body.decode("utf-8", "backslashreplace")
    if len(text.splitlines()) <= 1 and not text.endswith(("\r", "\n")):
        return text
    content = content_of(body)
    if content is not None:
        return wire.encode(content).decode()
    return text.replace("\r", "\\r").replace("\n", "\\n")
