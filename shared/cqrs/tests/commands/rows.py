"""Rows of masters with keys of every sort, for the commands' tests."""

import datetime as dt
import uuid
from typing import Any

from tests.app.master_models import Author, Capital, Country, Fragile, Holiday, Note
from tests.master import outbox_reader


def _create(model: Any, rows: list[Any]) -> list[Any]:
    """Created without a trace in the outbox; returns the keys in the database's order."""
    model.cqrs.bulk_create(rows)
    outbox_reader.take()
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def authors(count: int) -> list[Any]:
    """Numbers."""
    return _create(Author, [Author(name=str(number)) for number in range(count)])


def notes(count: int) -> list[Any]:
    """UUIDs."""
    return _create(Note, [Note(key=uuid.uuid4(), text=str(number)) for number in range(count)])


def countries(count: int) -> list[Any]:
    """Texts, in the database's idea of their order."""
    letters = "aBcDeÉfZ-_ 0"
    codes = [f"{letters[number % len(letters)]}{number}" for number in range(count)]
    return _create(Country, [Country(code=code, name=code) for code in codes])


def capitals(count: int) -> list[Any]:
    """Foreign keys."""
    return _create(Capital, [Capital(country_id=code, name=code) for code in countries(count)])


def holidays(count: int) -> list[Any]:
    """Dates."""
    first = dt.date(2026, 1, 31)
    days = [first + dt.timedelta(days=number) for number in range(count)]
    return _create(Holiday, [Holiday(day=day, name=str(day)) for day in days])


def fragile(*names: str) -> list[Any]:
    """Rows, some of which ("broken") cannot be sent, and some ("private") are not to be."""
    return [row.pk for row in Fragile.objects.bulk_create(Fragile(name=name) for name in names)]


#: Each with the model that it makes rows of.
OF_EVERY_KEY = [
    (Author, authors),
    (Note, notes),
    (Country, countries),
    (Capital, capitals),
    (Holiday, holidays),
]
