"""What the diff commands write to each other over pipes: a header, then one JSON list a line.

The format is the contract's, so that the other end may be django-cqrs. Lists hold primary keys, or
pairs of a key and a revision.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from dj_cqrs.constants import NO_QUEUE
from dj_cqrs.wire import to_plain

_MAX_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: which model, when the first list was begun, and maybe one queue."""

    cqrs_id: str
    moment: str
    queue: str | None = None

    @classmethod
    def of_now(cls, cqrs_id: str) -> Self:
        """The header of a diff that begins now."""
        return cls(cqrs_id, str(timezone.now()))

    @classmethod
    def parse(cls, line: str) -> Self:
        """Reads a header.

        Raises:
            CommandError: it is none.
        """
        cqrs_id, *rest = line.strip().split(",")
        if not rest:
            raise CommandError(_unexpected(1, "CQRS_ID,time", line))
        moment, queue = rest[0], ",".join(rest[1:])
        return cls(cqrs_id, moment, None if queue in ("", NO_QUEUE) else queue)

    def with_queue(self, queue: str | None) -> "Header":
        """The same for the next command of the pipe, with the queue of the service before it."""
        return replace(self, queue=queue or NO_QUEUE)

    @property
    def line(self) -> str:
        """The header as a line."""
        return ",".join(filter(None, (self.cqrs_id, self.moment, self.queue)))

    @property
    def begun_at(self) -> datetime:
        """When the first list was begun, by the clock of the service that made it.

        Raises:
            CommandError: the header says no time.
        """
        try:
            moment = parse_datetime(self.moment)
        except ValueError:
            moment = None
        if moment is None:
            raise CommandError(_unexpected(1, "CQRS_ID,time", f"{self.cqrs_id},{self.moment}"))
        return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


@dataclass(frozen=True, slots=True)
class Item:
    """One row in a list; ``line`` is for error messages."""

    pk: Any
    revision: int | None
    line: int


def read() -> tuple[Header, Iterator[list[Item]]]:
    """Reads standard input: the header now, each list when it is asked for.

    Raises:
        CommandError: there is no header; or, from the lists, what was expected in which line.
    """
    first = sys.stdin.readline()
    if not first.strip():
        raise CommandError(
            "Nothing came on standard input: the command before this one in the pipe has failed "
            "or found nothing."
        )
    return Header.parse(first), _lists(enumerate(sys.stdin, start=2))


def line_of(items: Iterable[Any]) -> str:
    """Writes one list: keys, or pairs of key and revision."""
    return json.dumps(to_plain(list(items)), separators=(",", ":"), default=str)


def wrong_key(item: Item, model: Any, reason: object) -> CommandError:
    """The error that a key is none of this model."""
    return CommandError(
        f"Line {item.line}: {_shown(item.pk)} is no primary key of {model.__name__}: {reason}"
    )


def _lists(lines: Iterable[tuple[int, str]]) -> Iterator[list[Item]]:
    for number, line in lines:
        if line.strip():
            yield _list(number, line)


def _list(number: int, line: str) -> list[Item]:
    try:
        values = json.loads(line)
        if not isinstance(values, list):
            raise TypeError
        return [_item(number, value) for value in values]
    except (TypeError, ValueError, RecursionError):
        expected = "a JSON list of primary keys or of [primary key, revision] pairs"
        raise CommandError(_unexpected(number, expected, line)) from None


def _item(number: int, value: Any) -> Item:
    if isinstance(value, list):
        pk, revision = value
        if not isinstance(revision, int) or isinstance(revision, bool):
            raise TypeError
        return _item_of(number, pk, revision)
    return _item_of(number, value, None)


def _item_of(number: int, pk: Any, revision: int | None) -> Item:
    if pk is None or isinstance(pk, (bool, list, dict)):
        raise TypeError
    return Item(pk, revision, number)


def _unexpected(number: int, expected: str, line: str) -> str:
    return f"Line {number}: expected {expected}, got {_shown(line.strip())}."


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
