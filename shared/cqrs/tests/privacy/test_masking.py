"""Taking private values out of data and text, whatever a database makes of them."""

from decimal import Decimal
from typing import Any

import pytest

from dj_cqrs import wire
from dj_cqrs.privacy.masking import MASK, masked, masked_text

_NAMES = frozenset({"email", "salary"})
_EMAIL = "ada.lovelace@example.org"


def test_values_are_masked_under_their_names_however_deep() -> None:
    data = {
        "id": 1,
        "email": _EMAIL,
        "salary": None,
        "staff": [{"email": {"home": _EMAIL}, "name": "Ada"}],
    }
    assert masked(data, _NAMES) == {
        "id": 1,
        "email": MASK,
        "salary": None,
        "staff": [{"email": MASK, "name": "Ada"}],
    }


@pytest.mark.parametrize(
    ("value", "text", "told"),
    [
        (_EMAIL, f"no {_EMAIL}, please", "no ***, please"),
        (_EMAIL, f"no {_EMAIL.upper()}, please", "no ***, please"),
        (_EMAIL, f"no {_EMAIL[:20]}… here", "no ***… here"),
        ("it's\nme", repr("got it's\nme"), '"got ***"'),
        ("Łódź 12", 'got "\\u0141\\u00f3d\\u017a 12"', 'got "***"'),
        ("Al", "Al is also in Alabama", "*** is also in Alabama"),
        (5, "5 of 55", "*** of 55"),
        (Decimal("12.50"), "has 12.50 left", "has *** left"),
        (wire.WireNumber("12.50"), "has 12.5 or 12.50", "has *** or ***"),
        ({"home": _EMAIL}, f"no {_EMAIL}", "no ***"),
        ([_EMAIL], f"no {_EMAIL}", "no ***"),
        (True, "True enough", "True enough"),
        ("", "nothing", "nothing"),
    ],
)
def test_a_value_is_masked_in_every_form(value: Any, text: str, told: str) -> None:
    assert masked_text(text, _NAMES, [{"email": value, "name": "x"}]) == told


def test_of_two_values_the_longer_one_is_masked_as_a_whole() -> None:
    data = [{"email": "secret word"}, {"salary": "secret"}]
    assert masked_text("secret word, secret", _NAMES, data) == "***, ***"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "DETAIL:  Key (email)=(a (b)@c) already exists.",
            "DETAIL:  Key (email)=(***) already exists.",
        ),
        (
            "DETAIL:  Key (lower(email::text), id)=(a@c, 5) already exists.",
            "DETAIL:  Key (lower(email::text), id)=(***) already exists.",
        ),
        (
            'DETAIL:  Key (author_id)=(5) is not present in table "a".',
            'DETAIL:  Key (author_id)=(5) is not present in table "a".',
        ),
        (
            "DETAIL:  Failing row contains (1, Ada (x), null, 2026-01-01).",
            "DETAIL:  Failing row contains (***).",
        ),
        (
            "(1062, \"Duplicate entry 'it''s me' for key 'people.email'\")",
            "(1062, \"Duplicate entry '***' for key 'people.email'\")",
        ),
        (
            "Incorrect string value: '\\xF0' for column `a`.`b`.`email` at row 1",
            "Incorrect string value: '***' for column `a`.`b`.`email` at row 1",
        ),
        (
            'invalid input syntax for type integer: "a lot"',
            'invalid input syntax for type integer: "***"',
        ),
        (
            "CONTEXT:  unnamed portal parameter $2 = 'a lot'",
            "CONTEXT:  unnamed portal parameter $2 = ***",
        ),
        (
            "Field 'salary' cannot hold 'a lot': enter a number.",
            "Field 'salary' cannot hold ***: enter a number.",
        ),
    ],
)
def test_what_a_database_quotes_in_its_own_form_is_masked(text: str, told: str) -> None:
    assert masked_text(text, _NAMES) == told


def test_where_nothing_is_private_a_text_stays_as_it_is() -> None:
    text = "DETAIL:  Key (email)=(a@c) already exists."
    assert masked_text(text, (), [{"email": "a@c"}]) == text
