"""How words are compared (pure functions), and found."""

import pytest
from django.db import connection

from replica_service.storefront.models import Track
from replica_service.storefront.search import comparable
from tests.settings import TEST_DATABASE
from tests.stream import deliver_track


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


@pytest.mark.django_db
@pytest.mark.skipif(TEST_DATABASE != "postgres", reason="the index is PostgreSQL's")
def test_the_search_has_an_index() -> None:
    deliver_track()

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = Track.objects.filter(search_text__contains="motorhead").explain()

    assert "track_search_trigrams" in plan
