"""How words are compared; pure functions, no database."""

import pytest

from replica_service.storefront.search import comparable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Motörhead", "motorhead"),
        ("MOTÖRHEAD", "motorhead"),
        ("Straße", "strasse"),
        ("  two   words ", "two words"),
        ("tab\tand\nline", "tab and line"),
        ("O\u0308", "o"),  # a letter and a combining mark
        ("ﬁne", "fine"),  # a ligature
        ("日本語", "日本語"),
        ("", ""),
    ],
)
def test_case_accents_and_space_make_no_difference(text: str, expected: str) -> None:
    assert comparable(text) == expected


def test_comparing_twice_changes_nothing() -> None:
    once = comparable("Ĳ ǅ ß İ Ångström ½")

    assert comparable(once) == once
